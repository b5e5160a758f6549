"""How errors look on pages."""

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
    """Whatever view meets a database that is away, read-only or full, the admin's too: its answer is 503."""

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
    return _error(request, 503, headers)


def too_many_requests(request: HttpRequest, wait: int) -> HttpResponse:
    return _error(request, 429, {"Retry-After": str(wait), "Cache-Control": "no-store"})


def locked_out(request: HttpRequest, response: HttpResponse, credentials: Any) -> HttpResponse:
    """Axes asks for it, where a name was guessed at too often from one address."""
    answer = render(request, "registration/locked.html", status=429)
    answer.headers["Retry-After"] = str(int(settings.AXES_COOLOFF_TIME.total_seconds()))
    answer.headers["Cache-Control"] = "no-store"
    return answer


def bad_request(request: HttpRequest, exception: Exception | None = None, *, field: str = "") -> HttpResponse:
    """`field`: the one that can't be read, where it is known."""
    return _error(request, 400, field=field)


def too_large(request: HttpRequest) -> HttpResponse:
    return _error(request, 413)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    if is_database_away(sys.exc_info()[1]):
        return database_away(request)
    return _error(request, 500)


def _error(request: HttpRequest, status: int, headers: dict[str, str] | None = None, **context: object) -> HttpResponse:
    response = render(request, f"{status}.html", context, status=status)
    for name, value in (headers or {"Cache-Control": "no-store"}).items():
        response.headers[name] = value
    return response
