"""Refuse requests that views don't expect: bodies over their limit, text that can't be stored, unknown encodings.

1. Before anything reads the request, its encoding is set to UTF-8, and cookies that can't be ours are dropped.
2. Once the view is known, and before the view or the CSRF check reads the body: its length is compared with the
   view's limit (`body_limit`), and query and form are searched for characters that can't be stored.
3. Under ASGI, `pooled_wsgi` stores a body, on disk where it is large, before Django sees the request. So
   `raw_requests` stops reading at the limit, and leaves the refusal to step 2. Django also reads Content-Type before
   any middleware, and raises for some values: `raw_requests` removes those.

A JSON body is searched where it is parsed, by `runs.api.parsing.parse_body`, after the parser's limits.
"""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from celery.schedules import ParseException
from django.db import DataError, IntegrityError
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from django.http.response import HttpResponseBase

from progress_project.body_limit import body_limit, is_api, refuse_large_body
from runs.api.errors import error_json
from runs.api.requests import declared_length
from runs.pages.errors import bad_request
from runs.unstorable import Unstorable, find_in_fields, find_unstorable, is_storable

logger = logging.getLogger(__name__)

View = Callable[[HttpRequest], HttpResponseBase]

ADMIN = "/admin/"
NOT_A_NUMBER = re.compile(r"Field '\w+' expected a number but got ")


class RequestGuard:
    """Must come before every middleware that reads the query, the session or a form."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Of the encodings that a header may name, some raise and some decode to halves of surrogate pairs.
        request.encoding = "utf-8"
        request.COOKIES = {name: value for name, value in request.COOKIES.items() if is_storable(name + value)}
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> HttpResponseBase | None:
        if declared_length(request.META.get("CONTENT_LENGTH")) > body_limit(view, request.content_type):
            return refuse_large_body(request)
        if find_in_fields(kwargs.items()):
            raise Http404  # no row has such an id
        if unstorable := find_unstorable_text(request):
            return refuse_unstorable_text(request, unstorable)
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """The admin puts ids into queries unchecked, and celery-beat's forms put their values into parsers."""
        if not request.path_info.startswith(ADMIN) or not is_caused_by_input(exception):
            return None
        logger.warning("The admin can't read its input", exc_info=exception)
        return bad_request(request, exception)


def is_caused_by_input(exception: Exception) -> bool:
    """The admin's user sent a value that no query or parser takes, rather than the program being wrong."""
    if isinstance(exception, ValueError):
        return bool(NOT_A_NUMBER.match(str(exception)))
    if isinstance(exception, OSError):
        return exception.errno == errno.ENAMETOOLONG  # a time zone is looked for as a file
    return isinstance(exception, DataError | IntegrityError | ParseException)


def find_unstorable_text(request: HttpRequest) -> Unstorable | None:
    found = find_unstorable(request.GET)
    return found if found or is_api(request) else find_unstorable_in_form(request)


def find_unstorable_in_form(request: HttpRequest) -> Unstorable | None:
    try:
        names = ((name, file.name) for name, files in request.FILES.lists() for file in files)
        return find_in_fields(names) or find_unstorable(request.POST)
    except UnreadablePostError:  # the client has left
        return None


def refuse_unstorable_text(request: HttpRequest, found: Unstorable) -> HttpResponseBase:
    if is_api(request):
        return JsonResponse(error_json("validation_error", found.code, found.message, found.field), status=400)
    return bad_request(request, field=found.field)
