"""What no view has to expect: bodies over their limit, text that can't be stored, encodings that can't be decoded.

1. Before anything reads the request, it is taken for UTF-8, and cookies that no answer of ours has set are dropped.
2. Once the view is known, and before it or the check of a form's token reads the body: the body's length is held
   against the view's limit, and query and form are searched for characters that can't be stored.
3. Under ASGI Django stores a body, on disk where it is large, before any middleware sees the request:
   `guard_asgi` stops reading at the limit, and leaves the refusal to (2). Django reads Content-Type before as well,
   and raises for some: `guard_asgi` and `guard_wsgi` hand it none of those.

4. A name that is tried at a sign-in is cut before Axes writes it down: no form bounds it.

A JSON body is searched where it is parsed, in `runs.api.inputs`: that needs the parser's limits first.
"""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from celery.schedules import ParseException
from django.conf import settings
from django.db import DataError, IntegrityError
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve

from runs.api.errors import TooLarge, error_json
from runs.api.middleware import API_PREFIX
from runs.pages.errors import bad_request, too_large
from runs.unstorable import Unstorable, find_in_fields, find_unstorable, is_storable

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

View = Callable[[HttpRequest], HttpResponseBase]

Message = Any  # a dict of ASGI's
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class RequestGuard:
    """Stands before every middleware that reads the query, the session or a form."""

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
        if _declared_length(request.META.get("CONTENT_LENGTH")) > body_limit(view, request.content_type):
            return _refuse_large_body(request)
        if find_in_fields(kwargs.items()):
            raise Http404  # no address of anything
        if unstorable := _find_unstorable(request):
            return _refuse_text(request, unstorable)
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """The admin puts the ids that it is sent into queries unread, and celery-beat's forms theirs into parsers."""
        if not request.path_info.startswith(ADMIN) or not _is_fault_of_what_was_sent(exception):
            return None
        logger.warning("The admin could make nothing of what it was sent", exc_info=exception)
        return bad_request(request, exception)


ADMIN = "/admin/"
_NO_NUMBER = re.compile(r"Field '\w+' expected a number but got ")


def _is_fault_of_what_was_sent(exception: Exception) -> bool:
    if isinstance(exception, ValueError):
        return bool(_NO_NUMBER.match(str(exception)))
    if isinstance(exception, OSError):
        return exception.errno == errno.ENAMETOOLONG  # a time zone is looked for as a file
    return isinstance(exception, DataError | IntegrityError | ParseException)


# Text


def _find_unstorable(request: HttpRequest) -> Unstorable | None:
    found = find_unstorable(request.GET)
    return found if found or _is_api(request) else _find_in_form(request)


def _find_in_form(request: HttpRequest) -> Unstorable | None:
    try:
        names = ((name, file.name) for name, files in request.FILES.lists() for file in files)
        return find_in_fields(names) or find_unstorable(request.POST)
    except UnreadablePostError:  # the client has left
        return None


def _refuse_text(request: HttpRequest, found: Unstorable) -> HttpResponseBase:
    if _is_api(request):
        return JsonResponse(error_json("validation_error", found.code, found.message, found.field), status=400)
    return bad_request(request, field=found.field)


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith(API_PREFIX)


# Size


def body_limit(view: Any, content_type: str | None) -> int:
    """Bytes. Only a view that says so takes more than a form's worth, and files only."""
    takes_files = getattr(getattr(view, "cls", None), "max_upload_bytes", None)
    if takes_files and content_type == "multipart/form-data":
        return int(takes_files())
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def _refuse_large_body(request: HttpRequest) -> HttpResponseBase:
    if _is_api(request):
        error = error_json("client_error", TooLarge.default_code, TooLarge.default_detail)
        return JsonResponse(error, status=TooLarge.status_code)
    return too_large(request)


def _declared_length(header: str | None) -> int:
    try:
        return int(header or 0)
    except ValueError:  # Django takes it for 0 too
        return 0


# Before Django


def guard_wsgi(app: WSGIApplication) -> WSGIApplication:
    """The WSGI application, with a Content-Type that Django can read."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["CONTENT_TYPE"] = readable_content_type(environ.get("CONTENT_TYPE", ""))
        return app(environ, start_response)

    return application


def guard_asgi(app: App) -> App:
    """The ASGI application, with a Content-Type that Django can read, and no body read further than its limit.

    What was cut off says so by its length.
    """

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            content_type = readable_content_type(headers.get(b"content-type", b"").decode("latin-1"))
            others = [header for header in scope["headers"] if header[0] != b"content-type"]
            scope = {**scope, "headers": [*others, (b"content-type", content_type.encode("latin-1"))]}
            declared = _declared_length(headers.get(b"content-length", b"").decode("latin-1"))
            limit = body_limit(_view_at(scope["path"]), content_type.split(";")[0].strip().lower())
            receive = _bounded_receive(scope, receive, declared, limit)
        await app(scope, receive, send)

    return application


def readable_content_type(header: str) -> str:
    """Without its charset and without parameters as in RFC 2231: all is UTF-8 here, and many encodings raise."""
    value, *parameters = header.split(";")
    kept = [each for each in parameters if "*" not in each and not each.strip().lower().startswith("charset")]
    return ";".join([value, *kept])


def _bounded_receive(scope: Message, receive: Receive, declared: int, limit: int) -> Receive:
    length, is_cut_off = 0, False

    async def bounded_receive() -> Message:
        nonlocal length, is_cut_off
        if is_cut_off:
            return await _next_but_body(receive)
        if declared <= limit:
            message = await receive()
            length += len(message.get("body", b""))
            if length <= limit:
                return message
            # Sent in chunks, without a length: now it has one, over the limit.
            scope["headers"] = [*scope["headers"], (b"content-length", str(length).encode())]
        is_cut_off = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return bounded_receive


async def _next_but_body(receive: Receive) -> Message:
    """The rest of a body goes nowhere: its sender hears the refusal only when it has been taken."""
    while (message := await receive())["type"] == "http.request":
        pass
    return message


def _view_at(path: str) -> Any:
    try:
        return resolve(path).func
    except Resolver404:
        return None


# Names

MAX_TRIED_NAME = 255  # characters, as in Axes' tables


def tried_name(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str | None:
    """Whose password is guessed at, as Axes counts it. No account has so long a name that cutting it matters."""
    name = (credentials or request.POST).get("username")
    return None if name is None else str(name)[:MAX_TRIED_NAME]
