"""Requests in the ASGI process: a thread works on one from its last byte on, and waits for no client."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from django.core.files.base import File
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished
from django.db import connection
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory

from progress_project import pooled_wsgi
from progress_project.pooled_wsgi import serve_in_pool
from runs.api.ranges import range_response
from runs.models import Business
from tests.cast import MakeRun
from tests.event_streams import make_token
from tests.servers import ANSWER_SECONDS, server

THREADS = 2
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]


class Caller:
    """A client of the application, without a server between."""

    def __init__(self, path: str = "/healthz", method: str = "GET", **headers: str) -> None:
        named = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()]
        self.scope = {
            "type": "http", "http_version": "1.1", "method": method, "path": path, "query_string": b"",
            "headers": [(b"host", b"testserver"), *named],
        }  # fmt: skip
        self.sent: list[Message] = []
        self.reads = asyncio.Event()  # not set: what is sent to it stands still at the first piece of the body
        self.started = asyncio.Event()

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        self.started.set()
        if message["type"] == "http.response.body":
            await self.reads.wait()

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    with ThreadPoolExecutor(1) as thread:  # in this one, a browser of another test may have a loop of its own
        thread.submit(lambda: asyncio.run(asyncio.wait_for(coroutine, ANSWER_SECONDS))).result()


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


def receive_all(*chunks: bytes, pause: Callable[[], None] = lambda: None, silent_after: int = 0) -> Receive:
    """These, with a pause before each, and then nothing more; nothing either after so many of them."""
    left = list(chunks)

    async def receive() -> Message:
        pause()
        for _turn in range(2):  # of the loop, in which a time limit that has passed takes effect
            await asyncio.sleep(0)
        if not left or (silent_after and len(chunks) - len(left) == silent_after):
            return await never()
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return receive


async def answer(app: Any, caller: Caller, receive: Receive = never) -> Caller:
    caller.reads.set()
    await app(caller.scope, receive, caller.send)
    return caller


def echo(environ: Any, start_response: Any) -> list[bytes]:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("X-Method", environ["REQUEST_METHOD"])])
    return Closing([b"<", body, b">"])


class Closing(list[bytes]):
    def close(self) -> None: ...


def test_more_slow_uploads_than_threads_hinder_nobody() -> None:
    async def scene() -> None:
        app = serve_in_pool(echo, THREADS)
        uploads = [asyncio.ensure_future(answer(app, Caller(method="POST"))) for _ in range(THREADS * 3)]
        assert (await answer(app, Caller())).body == b"<>"
        for upload in uploads:
            upload.cancel()

    run(scene())


@pytest.fixture(params=["stream", "file"])
def download(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[HttpRequest], HttpResponseBase]:
    path = tmp_path / "call.wav"
    path.write_bytes(bytes(range(250)) * 1_200)

    def respond(asked: HttpRequest) -> HttpResponseBase:
        if request.param == "file":
            names = {"content_type": "audio/wav", "filename": "call.wav"}
            return range_response(asked, File(path.open("rb")), as_attachment=True, **names)
        return StreamingHttpResponse(path.read_bytes()[first : first + 1000] for first in range(0, 300_000, 1000))

    return respond


@pytest.fixture
def handler(
    download: Callable[[HttpRequest], HttpResponseBase], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Any, list[tuple[int, str]]]]:
    """Django's handler, where any path but /healthz is a download; and who worked on what."""
    noted: list[tuple[int, str]] = []

    def respond(self: Any, request: HttpRequest) -> HttpResponseBase:
        noted.append((threading.get_ident(), "began"))
        return download(request) if request.path != "/healthz" else StreamingHttpResponse([b"ok"])

    def finished(**kwargs: Any) -> None:
        noted.append((threading.get_ident(), "finished"))

    monkeypatch.setattr(WSGIHandler, "get_response", respond)
    request_finished.connect(finished)
    yield WSGIHandler(), noted
    request_finished.disconnect(finished)


def test_more_slow_downloads_than_threads_hinder_nobody(handler: tuple[Any, list[tuple[int, str]]]) -> None:
    """Each request is finished in its own thread, before its client has read anything."""

    async def scene() -> None:
        app = serve_in_pool(handler[0], THREADS)
        slow = [Caller("/download") for _ in range(THREADS * 3)]
        downloads = [asyncio.ensure_future(app(caller.scope, never, caller.send)) for caller in slow]
        for caller in slow:
            await caller.started.wait()
        assert (await answer(app, Caller())).body == b"ok"
        began, finished = (sorted(who for who, what in handler[1] if what == each) for each in ("began", "finished"))
        assert began == finished
        assert len(began) == len(slow) + 1
        for caller in slow:
            caller.reads.set()
        await asyncio.gather(*downloads)
        assert {caller.body for caller in slow} == {bytes(range(250)) * 1_200}

    run(scene())


@pytest.mark.parametrize("download", ["file"], indirect=True)
def test_a_part_of_a_file_is_sent_from_where_it_lies(handler: tuple[Any, list[tuple[int, str]]]) -> None:
    async def scene() -> None:
        caller = await answer(serve_in_pool(handler[0], THREADS), Caller("/download", range="bytes=251-100251"))
        assert caller.sent[0]["status"] == 206
        assert caller.body == (bytes(range(250)) * 1_200)[251:100_252]

    run(scene())


def test_a_body_in_chunks_is_read_whole_and_half_a_body_by_nobody() -> None:
    async def scene() -> None:
        app = serve_in_pool(echo, THREADS)
        assert (await answer(app, Caller(method="POST"), receive_all(b"ab", b"", b"cd"))).body == b"<abcd>"
        left = Caller(method="POST", content_length="9")
        messages: Iterator[Message] = iter(
            [{"type": "http.request", "body": b"ab", "more_body": True}, {"type": "http.disconnect"}]
        )

        async def leave() -> Message:
            return next(messages)

        assert (await answer(app, left, leave)).sent == []

    run(scene())


def test_a_client_that_falls_silent_is_left_and_a_slow_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        app = serve_in_pool(echo, THREADS)
        monkeypatch.setattr(pooled_wsgi, "SILENCE_SECONDS", 0.1)
        silent = Caller(method="POST", content_length="9")
        assert (await answer(app, silent, receive_all(b"ab", b"cd", silent_after=1))).sent[0]["status"] == 408
        loop = asyncio.get_running_loop()
        seconds = [loop.time()]
        monkeypatch.setattr(loop, "time", lambda: seconds[0])  # only the pauses let time pass

        def pause() -> None:
            seconds[0] += 1.5

        monkeypatch.setattr(pooled_wsgi, "SILENCE_SECONDS", 2)
        slow = Caller(method="POST", content_length="9")
        assert (await answer(app, slow, receive_all(*[b"x"] * 9, pause=pause))).body == b"<xxxxxxxxx>"

    run(scene())


@pytest.mark.parametrize("size", [pooled_wsgi.MEMORY_BYTES, pooled_wsgi.MEMORY_BYTES + 1])
def test_a_body_is_kept_in_memory_up_to_a_size(size: int) -> None:
    async def scene() -> None:
        scope = Caller(method="POST").scope
        with await pooled_wsgi.store_body(scope, receive_all(b"x" * 1000, b"x" * (size - 1000))) as body:
            assert body._rolled == (size > 64 * 1024)  # type: ignore[attr-defined]
            assert len(body.read()) == size

    run(scene())


@pytest.mark.django_db  # the end of a response closes old connections
def test_an_open_file_part_ends_at_its_length(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    request = RequestFactory().get("/", headers={"Range": "bytes=2-5"})
    response: Any = range_response(
        request, File(path.open("rb")), content_type="text/plain", filename="file", as_attachment=False
    )
    assert b"".join(response) == b"2345"
    response.close()


# Through granian


@pytest.mark.django_db(transaction=True)
def test_stalled_clients_and_a_crowd_take_no_more_connections_than_the_pool_has(
    tmp_path: Path, member_a: User, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, "running")
    pool = {"DATABASE_POOL_SIZE": "3", "LOG_LEVEL": "ERROR"}
    headers = {"Authorization": make_token(member_a)}
    with server(tmp_path, pool) as url, ExitStack() as stack:
        host, port = url.removeprefix("http://").split(":")
        for _ in range(30):
            stalled = stack.enter_context(socket.create_connection((host, int(port))))
            head = f"POST /api/auth/login/ HTTP/1.1\nHost: {host}\nContent-Length: 90\n\n" + '{"user'
            stalled.sendall(head.replace("\n", "\r\n").encode())
        detail = f"{url}/api/runs/{run.slug}/{run.pk}/"
        with httpx.Client(headers=headers, timeout=ANSWER_SECONDS) as client, ThreadPoolExecutor(40) as crowd:
            answers = [crowd.submit(client.get, detail) for _ in range(200)]
            assert {each.result().status_code for each in answers} == {200}
        assert 1 <= count_connections() <= 3


def count_connections() -> int:
    """The pool keeps for some minutes what it has opened."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND application_name = 'unstuck'"
        )
        return int(cursor.fetchone()[0])
