"""Every error under /api/ is JSON of one shape and may not be cached."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from receipts.models import Mailbox
from runs.models import Business
from tests.cast import MakeRun

SYNC = "/api/receipts/sync/"


def check(response: Any, code: int, kind: str = "client_error") -> dict[str, Any]:
    assert response.status_code == code, response.content
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    body = json.loads(response.content)
    assert body["type"] == kind
    assert set(body["errors"][0]) == {"code", "detail", "attr"}
    return dict(body)


@pytest.fixture(params=[True, False], ids=["debug", "production"])
def _debug(request: pytest.FixtureRequest, settings: Settings) -> None:
    settings.DEBUG = request.param


@pytest.mark.usefixtures("_debug")
@pytest.mark.parametrize("path", ["/api/", "/api/nothing/", "/api/runs", "/api/runs/counting/", "/api/%00/", "/api//"])
@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "options"])
def test_an_unknown_address_is_404(as_member_a: APIClient, path: str, method: str) -> None:
    check(getattr(as_member_a, method)(path), 404)


@pytest.mark.parametrize(("method", "path"), [("delete", "/api/runs/"), ("get", SYNC), ("put", "/api/auth/login/")])
def test_a_wrong_method_is_405(as_member_a: APIClient, method: str, path: str) -> None:
    check(getattr(as_member_a, method)(path), 405)


def test_an_unwanted_format_is_406_and_415(as_member_a: APIClient) -> None:
    check(as_member_a.get("/api/runs/", HTTP_ACCEPT="text/html"), 406)
    check(as_member_a.post(SYNC, b"<x/>", content_type="text/xml"), 415)


@pytest.mark.usefixtures("_debug")
def test_a_host_that_is_not_ours_is_400(as_member_a: APIClient, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["example.com"]
    check(as_member_a.get("/api/runs/", HTTP_HOST="evil.example"), 400)


def test_a_browsers_post_without_its_csrf_token_is_403(member_a: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(member_a)
    check(client.post(SYNC, "{}", content_type="application/json"), 403)


@pytest.mark.usefixtures("_debug")
def test_a_bug_is_a_500_without_its_secrets(as_member_a: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*args: Any) -> None:
        raise RuntimeError("the secret")

    monkeypatch.setattr("runs.api.run_pages.fetch_newest", bug)
    as_member_a.raise_request_exception = False
    assert "secret" not in str(check(as_member_a.get("/api/runs/"), 500, "server_error"))


# The database is away


@pytest.fixture
def _no_database() -> Iterator[None]:
    def away(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("could not connect")

    with pytest.MonkeyPatch.context() as patch:  # undone before the database is cleaned up
        patch.setattr(BaseDatabaseWrapper, "cursor", away)
        patch.setattr(BaseDatabaseWrapper, "ensure_connection", away)
        yield


@pytest.fixture
def browser(member_a: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(member_a)
    return client


@pytest.mark.usefixtures("_debug")
@pytest.mark.parametrize("path", ["/api/runs/", "/api/businesses/", "/api/nothing/"])
def test_without_a_database_a_token_is_answered_503(
    as_member_a: APIClient, request: pytest.FixtureRequest, path: str
) -> None:
    request.getfixturevalue("_no_database")
    as_member_a.raise_request_exception = False
    response = as_member_a.get(path)
    check(response, 503, "server_error")
    assert int(response.headers["Retry-After"]) > 0


@pytest.mark.usefixtures("_debug")
def test_without_a_database_a_session_is_answered_503(browser: Client, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue("_no_database")
    response = browser.get("/api/runs/")
    check(response, 503, "server_error")
    assert int(response.headers["Retry-After"]) > 0


# Bodies

BODIES = [
    b"{", b"\xff\xfe", b"[" * 100_000, b'{"business": NaN}', b"1" * 5000, b"{'business': 1}", b"\x00",
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("path", [SYNC, "/api/auth/login/"])
def test_a_body_that_is_no_json_is_400(as_member_a: APIClient, path: str, body: bytes) -> None:
    response = as_member_a.post(path, body, content_type="application/json")
    assert check(response, 400)["errors"][0]["code"] == "parse_error"


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"1", b"true", b"[{}]"])
@pytest.mark.parametrize("path", [SYNC, "/api/auth/login/"])
def test_a_body_that_is_no_object_is_400(as_member_a: APIClient, path: str, body: bytes) -> None:
    check(as_member_a.post(path, body, content_type="application/json"), 400, "validation_error")


@pytest.mark.parametrize("body", [b"null", b""])
def test_an_empty_body_misses_its_fields(as_member_a: APIClient, body: bytes) -> None:
    check(as_member_a.post(SYNC, body, content_type="application/json"), 400, "validation_error")


@pytest.mark.parametrize("charset", ["rot13", "hex", "idna", "utf-16", "x"])
def test_a_strange_charset_changes_nothing(as_member_a: APIClient, mailbox_a: Mailbox, charset: str) -> None:
    body = json.dumps({"business": "business-a", "mode": "full"}).encode()
    response = as_member_a.post(SYNC, body, content_type=f"application/json; charset={charset}")
    assert response.status_code == 202


def test_an_endless_body_is_413(as_member_a: APIClient, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    check(as_member_a.post(SYNC, b" " * 1001, content_type="application/json"), 413)


def test_endless_query_fields_are_400(as_member_a: APIClient, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 3
    check(as_member_a.get("/api/runs/?a=1&b=1&c=1&d=1"), 400)


# No cache


def test_no_response_may_be_cached(
    as_member_a: APIClient, anonymous: APIClient, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, "running")
    for path in ("runs/", f"runs/counting/{run.pk}/", "businesses/", "schema/", "docs/", "nothing/"):
        for client in (as_member_a, anonymous):
            assert client.get(f"/api/{path}").headers["Cache-Control"] == "no-store", path
