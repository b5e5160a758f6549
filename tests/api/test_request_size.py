"""A body over its limit is refused before it is stored, through granian alone, without nginx in front."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from broadcasts.models import ProviderAccount
from progress_project.raw_requests import guard_asgi
from tests.servers import ANSWER_SECONDS, server

BROADCASTS = "/api/whatsapp/broadcasts/"
SYNC = "/api/receipts/sync/"
FORM, JSON = "multipart/form-data; boundary=B", "application/json"
MEBIBYTE = 1024 * 1024


def is_too_large(response: Any) -> bool:
    body = response.json()
    return bool(
        response.status_code == 413 and body["errors"][0]["code"] == "too_large" and body["type"] == "client_error"
    )


# In this process


@pytest.mark.parametrize(
    ("path", "content_type", "limit"),
    [(BROADCASTS, FORM, 2000), (f"{BROADCASTS}preview/", FORM, 2000), (BROADCASTS, JSON, 1000), (SYNC, FORM, 1000)],
)
def test_only_files_of_an_audience_may_be_larger_than_a_form(
    as_member_a: APIClient, settings: Settings, path: str, content_type: str, limit: int
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE, settings.WHATSAPP_MAX_UPLOAD_BYTES = 1000, 2000
    assert as_member_a.post(path, b" " * limit, content_type=content_type).status_code in (400, 415)
    assert is_too_large(as_member_a.post(path, b" " * (limit + 1), content_type=content_type))


@pytest.mark.parametrize("path", ["/login/", "/admin/login/", "/language/"])
def test_a_form_that_is_too_large_gets_an_error_page(db: None, client: Client, settings: Settings, path: str) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    response = client.post(path, {"username": "x" * 1000})
    assert response.status_code == 413
    assert "The request is too large" in response.content.decode()


def test_a_large_audience_is_accepted(as_member_a: APIClient, account_a: ProviderAccount, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    file = SimpleUploadedFile("people.csv", b"phone\n" + b"0502000000\n" * 200)
    body = {"business": "business-a", "name": "Sale", "text": "Hello", "file": file}
    assert as_member_a.post(BROADCASTS, body, format="multipart").status_code == 202


def test_under_asgi_no_more_than_the_limit_is_read_for_django(settings: Settings) -> None:
    """Django would store all of it on disk before any middleware of ours has a say."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000
    seen: dict[str, Any] = {"body": 0, "length": b""}

    async def endless() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    async def read_all(scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            seen["body"] += len(message["body"])
            more = message["more_body"]
        seen["length"] = dict(scope["headers"])[b"content-length"]

    async def no_answer(message: Any) -> None: ...

    scope = {"type": "http", "path": SYNC, "headers": [(b"content-type", JSON.encode())]}

    async def read() -> None:
        await asyncio.wait_for(guard_asgi(read_all)(scope, endless, no_answer), timeout=ANSWER_SECONDS)

    with ThreadPoolExecutor(1) as thread:  # in this one, a browser of another test may have a loop of its own
        thread.submit(lambda: asyncio.run(read())).result()
    assert seen == {"body": 10_000, "length": b"11000"}


# Through granian


@pytest.fixture(scope="module", params=["wsgi", "asginl"])
def address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, django_db_setup: None
) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("served"), interface=request.param) as url:
        yield url


def send_request(url: str, head: str, chunks: Iterable[bytes] = ()) -> tuple[int, bytes]:
    """Status and body of what is answered to the head, and to as many chunks as can be sent before the answer."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS) as connection:
        connection.sendall(f"{head}Host: {host}\nConnection: close\n\n".replace("\n", "\r\n").encode())
        with suppress(BrokenPipeError, ConnectionResetError):  # the server closes once it has answered
            for chunk in chunks:
                connection.sendall(chunk)
        response = b""
        while part := connection.recv(65536):
            response += part
    first, _blank, body = response.partition(b"\r\n\r\n")
    return int(first.split()[1]), body


@pytest.mark.parametrize("path", [BROADCASTS, SYNC, "/login/"])
def test_a_body_announced_too_large_is_refused_unread(address: str, path: str) -> None:
    """Not a byte of the body is sent: who would wait for it would never answer."""
    head = f"POST {path} HTTP/1.1\nContent-Type: {FORM}\nContent-Length: {1024 * MEBIBYTE}\n"
    status, body = send_request(address, head)
    assert status == 413
    if path != "/login/":
        assert json.loads(body)["errors"][0]["code"] == "too_large"


@pytest.mark.parametrize("address", ["asginl"], indirect=True)  # WSGI knows no body without a length: it reads none
def test_a_chunked_body_is_read_up_to_its_limit(address: str) -> None:
    chunk = b"%x\r\n%b\r\n" % (MEBIBYTE, b"x" * MEBIBYTE)
    head = f"POST {SYNC} HTTP/1.1\nContent-Type: {JSON}\nTransfer-Encoding: chunked\n"
    status, body = send_request(address, head, [*[chunk] * 5, b"0\r\n\r\n"])
    assert (status, json.loads(body)["errors"][0]["code"]) == (413, "too_large")


ENCODED = [
    *(f"charset{name}" for name in ("*=undefined''x", "*=idna''%ff", "*=none''x", "*0*=hex''x")),
    *(f"CharSet = {name}" for name in ("hex", "rot13", "idna", "undefined", "punycode", "utf-16", "unicode_escape")),
    "boundary*=undefined''B",
]


@pytest.mark.parametrize("parameter", ENCODED)
@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data", "text/plain"])
def test_no_content_type_breaks_a_request(address: str, content_type: str, parameter: str) -> None:
    """Django reads it before any of its own error handling."""
    for line, expected in (("GET /healthz?x=%ff", 200), ("POST /api/receipts/sync/?x=%ff", 401)):
        head = f"{line} HTTP/1.1\nContent-Type: {content_type}; {parameter}\nContent-Length: 0\n"
        assert send_request(address, head)[0] == expected
