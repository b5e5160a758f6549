"""Rules for every response under /api/, including those that Django makes without a view."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import activate, get_supported_language_variant

from .errors import DatabaseAway, error_json

API_PREFIX = "/api/"

View = Callable[[HttpRequest], HttpResponseBase]


def api_response_middleware(get_response: View) -> View:
    """Forbids caching, and turns Django's HTML error pages into JSON.

    It is the outermost middleware: a refused host, for example, never reaches a view.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if request.path_info.startswith(API_PREFIX):
            if isinstance(response, HttpResponse) and _is_foreign_error(response):
                convert_to_json_error(response)
            response.headers["Cache-Control"] = "no-store"
        return response

    return middleware


def language_parameter_middleware(get_response: View) -> View:
    """`?lang=he` has priority over cookie and header: a card uses the language of the page around it."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(API_PREFIX) and "lang" in request.GET:
            with suppress(LookupError):
                request.LANGUAGE_CODE = get_supported_language_variant(request.GET["lang"])
                activate(request.LANGUAGE_CODE)
        return get_response(request)

    return middleware


def _is_foreign_error(response: HttpResponse) -> bool:
    return response.status_code >= 400 and response.headers.get("Content-Type") != "application/json"


def convert_to_json_error(response: HttpResponse) -> None:
    if response.status_code == HTTPStatus.INTERNAL_SERVER_ERROR and not _is_database_up():
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        response.headers["Retry-After"] = str(DatabaseAway.wait)
    status = HTTPStatus(response.status_code)
    kind = "client_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
    response.content = json.dumps(error_json(kind, status.name.lower(), status.phrase)).encode()
    response.headers["Content-Type"] = "application/json"
    response.headers["Content-Length"] = str(len(response.content))


def _is_database_up() -> bool:
    try:
        connection.ensure_connection()
        return connection.is_usable()
    except Error:
        return False
