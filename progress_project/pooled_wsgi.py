"""Pages and API in the ASGI process, by Django's WSGI handler in a bounded pool of threads.

1. The body is stored, on disk where it is large, before a thread is taken: a slow upload holds none.
2. A thread makes the whole response and closes it: `request_finished` gives the thread's connection back there.
3. The event loop sends the response: a slow download holds no thread. A file is sent from where it lies; whatever
   else is streamed was stored in step 2.

So threads only work and never wait for a client, and there are no more connections than threads, whatever callers do.
Under Django's own ASGI handler each request changes threads several times, and any number of them may be at work.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from io import BytesIO, UnsupportedOperation
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any

from a2wsgi.wsgi import build_environ

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment

Message = Any  # an ASGI dict
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

CHUNK = 64 * 1024
MEMORY_BYTES = 64 * 1024  # of a body, before it goes to the disk: thousands of clients may be sending one
SILENCE_SECONDS = 30  # without a byte of a body


class ClientLeft(Exception):
    """The client disconnected before it had sent its request."""


class ClientSilent(Exception):
    """The client sent nothing of its request for `SILENCE_SECONDS`."""


class FileWrapper:
    """WSGI's way to name a file as the response instead of reading it."""

    def __init__(self, file: Any, block_size: int = CHUNK) -> None:
        self.file = file


@dataclass(frozen=True)
class StoredBody:
    """A body that a thread has made."""

    file: IO[bytes]

    async def read(self) -> bytes:
        return self.file.read(CHUNK)


@dataclass
class FileSpan:
    """Bytes of a file, opened anew: the one that the view has opened is closed with the request."""

    file: IO[bytes]
    offset: int
    end: int

    async def read(self) -> bytes:
        """By a thread of the loop's own, and only until the disk has answered."""
        call = partial(os.pread, self.file.fileno(), min(CHUNK, self.end - self.offset), self.offset)
        chunk = await asyncio.get_running_loop().run_in_executor(None, call)
        self.offset += len(chunk)
        return chunk


@dataclass
class MadeResponse:
    """What a thread hands over to the event loop."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: StoredBody | FileSpan = field(default_factory=lambda: StoredBody(BytesIO()))

    def start(self, status: str, headers: Iterable[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], Any]:
        self.status = int(status[:3])
        self.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return write_nothing

    async def send(self, send: Send) -> None:
        with self.body.file:
            await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
            chunk, more = await self.body.read(), True
            while more:
                following = await self.body.read() if chunk else b""
                more = bool(following)
                await send({"type": "http.response.body", "body": chunk, "more_body": more})
                chunk = following


def write_nothing(_chunk: bytes) -> None:
    """WSGI's oldest way to send a body, which Django doesn't use."""
    raise NotImplementedError


def serve_in_pool(app: WSGIApplication, threads: int) -> App:
    """The ASGI application that runs `app` in at most so many threads."""
    pool = ThreadPoolExecutor(threads, "request")

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        body: IO[bytes] = BytesIO()
        rest = None
        if may_have_body(scope):
            try:
                body = await store_body(scope, receive)
            except ClientLeft:
                return
            except ClientSilent:
                await MadeResponse(HTTPStatus.REQUEST_TIMEOUT).send(send)
                return
            rest = asyncio.ensure_future(receive())  # reads on, and discards, what was cut off at the limit
        try:
            call = partial(make_response, app, scope, body)
            response = await asyncio.get_running_loop().run_in_executor(pool, call)
            await response.send(send)
        finally:
            if rest:
                rest.cancel()

    return application


def may_have_body(scope: Message) -> bool:
    if scope["method"] not in ("GET", "HEAD"):
        return True
    return any(name in (b"content-length", b"transfer-encoding") for name, _value in scope["headers"])


async def store_body(scope: Message, receive: Receive) -> IO[bytes]:
    """Read all of it, and give it a Content-Length where it came in chunks. Raises `ClientLeft`, `ClientSilent`."""
    with ExitStack() as on_failure:
        body = on_failure.enter_context(SpooledTemporaryFile(MEMORY_BYTES))
        more = True
        while more:
            message = await receive_soon(receive)
            if message["type"] == "http.disconnect":
                raise ClientLeft
            body.write(message.get("body", b""))
            more = message.get("more_body", False)
        on_failure.pop_all()  # the thread closes it
    if not any(name == b"content-length" for name, _value in scope["headers"]):
        scope["headers"] = [*scope["headers"], (b"content-length", str(body.tell()).encode())]
    body.seek(0)
    return body


async def receive_soon(receive: Receive) -> Message:
    """Raises `ClientSilent`."""
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            return await receive()
    except TimeoutError as error:
        raise ClientSilent from error


# In a thread of the pool


def make_response(app: WSGIApplication, scope: Message, body: IO[bytes]) -> MadeResponse:
    response = MadeResponse()
    made: Any = app(make_environ(scope, body), response.start)
    source = made.file if isinstance(made, FileWrapper) else made
    try:
        response.body = span_or_store(source) if isinstance(made, FileWrapper) else store(source)
    finally:
        source.close()
        body.close()
    return response


def make_environ(scope: Message, body: IO[bytes]) -> WSGIEnvironment:
    environ: Any = build_environ(scope, body)  # type: ignore[arg-type]  # its own body reads in the event loop
    return {**environ, "wsgi.errors": sys.stderr, "wsgi.file_wrapper": FileWrapper}


def span_or_store(file: Any) -> FileSpan | StoredBody:
    """The file from where it stands: `length` bytes where it says so, else to its end."""
    try:
        descriptor, first = file.fileno(), file.tell()
    except (AttributeError, UnsupportedOperation):  # it isn't on a disk
        return store(iter(partial(file.read, CHUNK), b""))
    length = getattr(file, "length", os.fstat(descriptor).st_size - first)
    return FileSpan(os.fdopen(os.dup(descriptor), "rb", buffering=0), first, first + length)


def store(chunks: Iterable[bytes]) -> StoredBody:
    file = SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115  closed when sent
    for chunk in chunks:
        file.write(chunk)
    file.seek(0)
    return StoredBody(file)
