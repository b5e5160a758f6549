"""Content-Security-Policy: strict everywhere, relaxed only where a dependency's pages need it."""

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest
from django.http.response import HttpResponseBase

# The staff admin (unfold) uses Alpine, which evaluates attributes.
ADMIN = {"script-src": [SELF, UNSAFE_INLINE, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}

# Swagger's page writes inline styles; its script comes from a URL (SpectacularSwaggerSplitView).
API_DOCS = {"style-src": [SELF, UNSAFE_INLINE], "img-src": [SELF, "data:"]}

RELAXED = {"/admin/": ADMIN, "/api/docs/": API_DOCS}


class PathCSPMiddleware(CSPMiddleware):
    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Without a policy for JSON, which no browser shows as a document: building one takes as long as a query."""
        if response.headers.get("Content-Type") == "application/json":
            return response
        return super().process_response(request, response)

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        for prefix, relaxed in RELAXED.items():
            if request.path_info.startswith(prefix):
                parts.replace = {**relaxed, **(parts.replace or {})}
        return parts
