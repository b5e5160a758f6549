"""How large a request's body may be, and the answer to one that is larger."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase

from runs.api.errors import TooLarge, error_json
from runs.api.middleware import API_PREFIX
from runs.pages.errors import too_large


def body_limit(view: Any, content_type: str | None) -> int:
    """In bytes. Only files may be larger than a form, and only for a view with `max_upload_bytes`."""
    takes_files = getattr(getattr(view, "cls", None), "max_upload_bytes", None)
    if takes_files and content_type == "multipart/form-data":
        return int(takes_files())
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def refuse_large_body(request: HttpRequest) -> HttpResponseBase:
    if is_api(request):
        error = error_json("client_error", TooLarge.default_code, TooLarge.default_detail)
        return JsonResponse(error, status=TooLarge.status_code)
    return too_large(request)


def is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith(API_PREFIX)
