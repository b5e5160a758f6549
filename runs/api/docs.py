"""The API's documentation: what drf-spectacular can't read off our views, and its page."""

from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from drf_spectacular.views import SpectacularSwaggerSplitView


class BearerScheme(KnoxTokenScheme):  # type: ignore[no-untyped-call]  # registers itself
    target_class = "runs.api.requests.BearerAuthentication"
    name = "bearer"


class Docs(SpectacularSwaggerSplitView):
    http_method_names = ["get", "head"]  # its template can't render what OPTIONS would answer
