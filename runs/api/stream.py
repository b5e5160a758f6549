"""Server-sent events: `event: run` with the run's JSON, for one business, as long as the caller may see it.

Whether a caller may watch is decided by an ordinary view behind the ordinary middleware. Its request is
over, with its thread and its database connection, before the stream begins on the event loop alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from django.utils.translation import get_language, override
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from . import outputs
from .errors import NoStream, TooManyStreams
from .fanout import Fanout, get_fanout
from .fields import BusinessField
from .parsing import parse_query
from .subscribers import Subscriber

COMMENT_SECONDS = 15
RETRY_MS = 3000

# Comments, for whoever counts on hearing everything.
ALL_SENT = b": all told\n\n"
DATABASE_AWAY = b": the database is away\n\n"

SCOPE_KEY = "runs.stream"  # where the view leaves the subscriber, within the request's scope

Message = Any  # a dict of ASGI's
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class StreamQuery(serializers.Serializer[Any]):
    business = BusinessField()


class AlwaysJSON(BaseContentNegotiation):
    """A browser asks for text/event-stream; a refusal is JSON all the same."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> tuple[Any, str]:
        return JSONRenderer(), JSONRenderer.media_type


class Stream(APIView):
    content_negotiation_class = AlwaysJSON

    @extend_schema(
        parameters=[StreamQuery],
        responses={
            (200, "text/event-stream"): str,
            **dict.fromkeys((400, 403, 404, 406, 429), outputs.ErrorSerializer),
        },
    )
    def get(self, request: Request) -> Response:
        """Events of the business's runs: the active ones at once, then every change.

        `event: run`, its data the run's JSON in the caller's language. Comments keep the line open. With
        `Last-Event-ID`, runs that have finished since come too. 406 where this process can't stream, 429 where
        the caller has too many streams open already.
        """
        business = parse_query(StreamQuery, request)["business"]
        scope = getattr(request._request, "scope", {})
        if SCOPE_KEY not in scope:
            raise NoStream
        scope[SCOPE_KEY] = Subscriber.of(request, business, get_language() or "en")
        return Response()


def add_streaming(app: App) -> App:
    """The ASGI application, able to stream."""

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].endswith("/runs/stream/"):
            await app(scope, receive, send)
            return
        scope[SCOPE_KEY] = None
        start: Message = {}

        async def hold_back(message: Message) -> None:
            if scope[SCOPE_KEY] is None:
                await send(message)
            elif message["type"] == "http.response.start":
                start.update(message)

        await app(scope, receive, hold_back)
        if start:
            await serve_subscriber(scope[SCOPE_KEY], start, receive, send)

    return application


async def serve_subscriber(subscriber: Subscriber, start: Message, receive: Receive, send: Send) -> None:
    """Joins before anything is sent, on the event loop: of streams that open at once none slips past the bound."""
    watchers = get_fanout()
    if not watchers.join(subscriber):
        await send_refusal(subscriber, start, send)
        return
    try:
        await stream_until_disconnect(subscriber, watchers, start, receive, send)
    finally:
        watchers.leave(subscriber)


async def send_refusal(subscriber: Subscriber, start: Message, send: Send) -> None:
    with override(subscriber.language):
        error = {"code": TooManyStreams.default_code, "detail": str(TooManyStreams.default_detail), "attr": None}
        body = JSONRenderer().render({"type": "client_error", "errors": [error]})
    headers = [
        *without_content_headers(start["headers"]),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", str(TooManyStreams.wait).encode()),
    ]
    await send({**start, "status": TooManyStreams.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def stream_until_disconnect(
    subscriber: Subscriber, watchers: Fanout, start: Message, receive: Receive, send: Send
) -> None:
    disconnected = asyncio.ensure_future(_wait_for_disconnect(receive))
    sending = asyncio.ensure_future(_send_events(subscriber, watchers, start, send))
    try:
        await asyncio.wait((disconnected, sending), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (disconnected, sending):
            task.cancel()
            with suppress(asyncio.CancelledError, OSError, RuntimeError):  # written to somebody who had left
                await task


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_events(subscriber: Subscriber, watchers: Fanout, start: Message, send: Send) -> None:
    await send({**start, "headers": [*without_content_headers(start["headers"]), *_HEADERS]})
    await _send_text(send, b"retry: %d\n\n" % RETRY_MS)
    while not subscriber.ended:
        await _send_text(send, await next_text(subscriber, watchers))
    await send({"type": "http.response.body", "body": b"", "more_body": False})


_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),  # nginx would collect events until its buffer is full
]


def without_content_headers(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name.lower() not in (b"content-type", b"content-length")]


async def next_text(subscriber: Subscriber, watchers: Fanout) -> bytes:
    try:
        async with asyncio.timeout(COMMENT_SECONDS):
            await subscriber.wake.wait()
    except TimeoutError:
        return ALL_SENT if watchers.healthy else DATABASE_AWAY
    return subscriber.take()


async def _send_text(send: Send, text: bytes) -> None:
    if text:
        await send({"type": "http.response.body", "body": text, "more_body": True})
