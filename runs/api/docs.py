"""The API's documentation: schemas that drf-spectacular can't derive from our views, and the page."""

from typing import Any

from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.views import SpectacularSwaggerSplitView

from ..models import run_types


class BearerScheme(KnoxTokenScheme):  # type: ignore[no-untyped-call]  # registers itself
    target_class = "runs.api.requests.BearerAuthentication"
    name = "bearer"


class Docs(SpectacularSwaggerSplitView):
    http_method_names = ["get", "head"]  # its template fails on OPTIONS


class RunTypeFieldDocs(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # registers itself
    """The installed run types. They are known only when the schema is made, after all applications have loaded."""

    target_class = "runs.api.fields.RunTypeField"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {"type": "string", "enum": sorted(model.slug for model in run_types())}
