"""Server-sent events: `event: run` with the run's JSON, for one business, as long as the caller has access to it.

An ordinary view behind the ordinary middleware decides about access. Its request is over, and its thread and
database connection are released, before the stream begins: that needs only the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from django.http import Http404
from django.utils.translation import get_language, override
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ..models import Business
from . import outputs
from .errors import NoStream, TooManyStreams
from .fanout import Fanout, get_fanout
from .fields import AnyBusinessField, BusinessField
from .parsing import parse_query
from .permissions import CONTROL_RUNS, may_view_operations
from .subscribers import Access, Subscriber

COMMENT_SECONDS = 15
RETRY_MS = 3000

# Comments. After `CAUGHT_UP` a client knows that it has every change until now.
CAUGHT_UP = b": caught up\n\n"
DATABASE_AWAY = b": the database is away\n\n"

SCOPE_KEY = "runs.stream"  # in the ASGI scope: where the view puts the subscriber

Message = Any  # an ASGI dict
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class StreamQuery(serializers.Serializer[Any]):
    business = BusinessField()


class AlwaysJSON(BaseContentNegotiation):
    """The request accepts only text/event-stream, but its errors are JSON."""

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
        return subscribe(request, business, Access.VISITOR if business.is_read_only else Access.MEMBER)


class StaffStreamQuery(serializers.Serializer[Any]):
    business = AnyBusinessField()


class StaffStream(APIView):
    content_negotiation_class = AlwaysJSON

    @extend_schema(
        parameters=[StaffStreamQuery],
        responses={
            (200, "text/event-stream"): str,
            **dict.fromkeys((400, 403, 404, 406, 429), outputs.ErrorSerializer),
        },
    )
    def get(self, request: Request) -> Response:
        """Events of any business's runs, as its members get them, with the actions that the caller may take.

        404 without `runs.view_operations`.
        """
        if not may_view_operations(request.user):
            raise Http404
        business = parse_query(StaffStreamQuery, request)["business"]
        business.is_read_only = not request.user.has_perm(CONTROL_RUNS)
        return subscribe(request, business, Access.OPERATOR)


class StreamOfAll(APIView):
    content_negotiation_class = AlwaysJSON

    @extend_schema(
        responses={
            (200, "text/event-stream"): str,
            **dict.fromkeys((403, 404, 406, 429), outputs.ErrorSerializer),
        },
    )
    def get(self, request: Request) -> Response:
        """What the operator's home shows, of the runs of all businesses: parts of its page, for that page alone.

        404 without `runs.view_operations`.
        """
        if not may_view_operations(request.user):
            raise Http404
        return subscribe(request, None, Access.OPERATOR)


def subscribe(request: Request, business: Business | None, access: Access) -> Response:
    """Leave a subscriber in the scope, for `add_streaming`. Raises `NoStream`."""
    scope = request._request.META.get("asgi.scope", {})
    if SCOPE_KEY not in scope:
        raise NoStream
    scope[SCOPE_KEY] = Subscriber.of(request, business, get_language() or "en", access)
    return Response()


def add_streaming(app: App) -> App:
    """Wrap the ASGI application, so that it can stream."""

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].endswith("/runs/stream/"):
            await app(scope, receive, send)
            return
        scope[SCOPE_KEY] = None
        start: Message = {}

        async def withhold_response(message: Message) -> None:
            if scope[SCOPE_KEY] is None:
                await send(message)
            elif message["type"] == "http.response.start":
                start.update(message)

        await app(scope, receive, withhold_response)
        if start:
            await serve_subscriber(scope[SCOPE_KEY], start, receive, send)

    return application


async def serve_subscriber(subscriber: Subscriber, start: Message, receive: Receive, send: Send) -> None:
    """Joins before anything is sent. The event loop runs joins one after another, so the limit holds exactly."""
    fanout = get_fanout()
    if not fanout.join(subscriber):
        await send_refusal(subscriber, start, send)
        return
    try:
        await stream_until_disconnect(subscriber, fanout, start, receive, send)
    finally:
        fanout.leave(subscriber)


async def send_refusal(subscriber: Subscriber, start: Message, send: Send) -> None:
    with override(subscriber.edition.language):
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
    subscriber: Subscriber, fanout: Fanout, start: Message, receive: Receive, send: Send
) -> None:
    disconnected = asyncio.ensure_future(wait_for_disconnect(receive))
    sending = asyncio.ensure_future(send_events(subscriber, fanout, start, send))
    try:
        await asyncio.wait((disconnected, sending), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (disconnected, sending):
            task.cancel()
            with suppress(asyncio.CancelledError, OSError, RuntimeError):  # the client had disconnected
                await task


async def wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_events(subscriber: Subscriber, fanout: Fanout, start: Message, send: Send) -> None:
    await send({**start, "headers": [*without_content_headers(start["headers"]), *STREAM_HEADERS]})
    await send_text(send, b"retry: %d\n\n" % RETRY_MS)
    while not subscriber.ended:
        await send_text(send, await next_text(subscriber, fanout))
    await send({"type": "http.response.body", "body": b"", "more_body": False})


STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),  # otherwise nginx buffers events
]


def without_content_headers(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name.lower() not in (b"content-type", b"content-length")]


async def next_text(subscriber: Subscriber, fanout: Fanout) -> bytes:
    try:
        async with asyncio.timeout(COMMENT_SECONDS):
            await subscriber.wake.wait()
    except TimeoutError:
        return CAUGHT_UP if fanout.healthy else DATABASE_AWAY
    return subscriber.take_pending()


async def send_text(send: Send, text: bytes) -> None:
    if text:
        await send({"type": "http.response.body", "body": text, "more_body": True})
