"""Error pages."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from ..database import is_database_away, record_outage

RETRY_AFTER_SECONDS = 10


class DatabaseAwayMiddleware:
    """503 for any view, the admin's too, when the database is away, read-only or full."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not is_database_away(exception):
            return None
        record_outage(exception)
        return database_away(request)


def database_away(request: HttpRequest) -> HttpResponse:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS), "Cache-Control": "no-store"}
    return error_page(request, 503, headers)


def too_many_requests(request: HttpRequest, wait: int) -> HttpResponse:
    return error_page(request, 429, {"Retry-After": str(wait), "Cache-Control": "no-store"})


def locked_out(request: HttpRequest, response: HttpResponse, credentials: Any) -> HttpResponse:
    """Axes calls this after too many failed sign-ins with one name from one address."""
    page = render(request, "registration/locked.html", status=429)
    page.headers["Retry-After"] = str(int(settings.AXES_COOLOFF_TIME.total_seconds()))
    page.headers["Cache-Control"] = "no-store"
    return page


def bad_request(request: HttpRequest, exception: Exception | None = None, *, field: str = "") -> HttpResponse:
    """`field`: the name of the invalid field, where it is known."""
    return error_page(request, 400, field=field)


def too_large(request: HttpRequest) -> HttpResponse:
    return error_page(request, 413)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_page(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_page(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    if is_database_away(sys.exc_info()[1]):
        return database_away(request)
    return error_page(request, 500)


def error_page(
    request: HttpRequest, status: int, headers: dict[str, str] | None = None, **context: object
) -> HttpResponse:
    response = render(request, f"{status}.html", context, status=status)
    for name, value in (headers or {"Cache-Control": "no-store"}).items():
        response.headers[name] = value
    return response
