"""Requests before Django reads them: headers and a query that Django can read, and bodies that end at their limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_from_bytes

from django.urls import Resolver404, resolve

from progress_project.body_limit import body_limit
from runs.api.requests import declared_length

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

ASCII = "".join(map(chr, range(128)))

Message = Any  # a dict of ASGI's
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


def guard_wsgi(app: WSGIApplication) -> WSGIApplication:
    """The WSGI application, with a Content-Type that Django can read."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["CONTENT_TYPE"] = readable_content_type(environ.get("CONTENT_TYPE", ""))
        return app(environ, start_response)

    return application


def guard_asgi(app: App) -> App:
    """The ASGI application, with headers and a query that Django can read, and no body read further than its limit.

    A body over its limit reaches Django empty, with its length in Content-Length: `RequestGuard` refuses it.
    """

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = readable_headers(scope["headers"])
            query = quote_from_bytes(scope.get("query_string", b""), safe=ASCII)
            scope = {**scope, "headers": headers, "query_string": query.encode("ascii")}
            receive = bound_receive(scope, receive)
        await app(scope, receive, send)

    return application


def readable_headers(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """One Content-Type that Django can read, and one Cookie: HTTP/2 may bring several.

    A name with an underscore would pass for the one with a hyphen, such as X_Forwarded_For from a client.
    """
    content_type, cookies, others = "", [], []
    for name, value in headers:
        if name == b"content-type":
            content_type = readable_content_type(value.decode("latin-1"))
        elif name == b"cookie":
            cookies.append(value)
        elif b"_" not in name:
            others.append((name, value))
    if cookies:
        others.append((b"cookie", b"; ".join(cookies)))
    return [*others, (b"content-type", content_type.encode("latin-1"))]


def readable_content_type(header: str) -> str:
    """Without charset and RFC 2231 parameters: everything is read as UTF-8, and many encodings raise."""
    value, *parameters = header.split(";")
    kept = [each for each in parameters if "*" not in each and not each.strip().lower().startswith("charset")]
    return ";".join([value, *kept])


def bound_receive(scope: Message, receive: Receive) -> Receive:
    length, is_cut_off = 0, False
    declared, limit = 0, -1  # unknown: most requests have no body

    async def bounded_receive() -> Message:
        nonlocal length, is_cut_off, declared, limit
        if is_cut_off:
            return await skip_body(receive)
        if limit < 0:
            declared, limit = measure_limit(scope)
        if declared <= limit:
            message = await receive()
            length += len(message.get("body", b""))
            if length <= limit:
                return message
            # It came in chunks, without a Content-Length: set one, over the limit.
            scope["headers"] = [*scope["headers"], (b"content-length", str(length).encode())]
        is_cut_off = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return bounded_receive


def measure_limit(scope: Message) -> tuple[int, int]:
    """The length that the request declares, and how long its body may be."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    content_type = headers[b"content-type"].split(";")[0].strip().lower()
    return declared_length(headers.get(b"content-length")), body_limit(resolve_view(scope["path"]), content_type)


async def skip_body(receive: Receive) -> Message:
    """Discard the rest of the body: some clients read the answer only after they have sent all of it."""
    while (message := await receive())["type"] == "http.request":
        pass
    return message


def resolve_view(path: str) -> Any:
    try:
        return resolve(path).func
    except Resolver404:
        return None
