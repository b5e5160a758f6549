"""The stream over HTTP: which updates each subscriber gets, when it ends, and how many queries it needs."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from knox.models import AuthToken
from rest_framework.test import APIClient

from receipts.models import ReceiptSyncRun
from runs.models import Business, Membership
from runs.states import Status
from tests.cast import MakeRun
from tests.servers import server
from tests.workers import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def asgi(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("web")) as url:
        yield url


class Stream:
    """Reads events and comments as they come."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._blocks = self._read()

    def _read(self) -> Iterator[dict[str, str]]:
        block: dict[str, str] = {}
        for line in self.response.iter_lines():
            if not line:
                yield block
                block = {}
            else:
                name, _colon, value = line.partition(":")
                block[name or "comment"] = value.strip()

    def blocks(self) -> Iterator[dict[str, str]]:
        return self._blocks

    def run(self) -> dict[str, Any]:
        """The run of the next event."""
        return self.event()[1]

    def event(self) -> tuple[str, dict[str, Any]]:
        for block in self._blocks:
            if block.get("event") == "run":
                return block["id"], json.loads(block["data"])
        raise AssertionError("the stream has ended")

    def ended(self) -> bool:
        return all("event" not in block for block in self._blocks)


@contextmanager
def stream(url: str, business: object, **headers: str) -> Iterator[Stream]:
    path = f"{url}/api/runs/stream/?business={business}"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with httpx.stream("GET", path, headers=named, timeout=10) as response:
        assert response.status_code == 200, response.read()
        yield Stream(response)


def make_token(user: User) -> str:
    return f"Bearer {AuthToken.objects.create(user)[1]}"


def update_columns(run: Any, **columns: Any) -> None:
    columns = {"heartbeat_at": Now(), **columns}
    ReceiptSyncRun.objects.filter(pk=run.pk).update(version=F("version") + 1, **columns)


def test_active_runs_come_at_once_and_changes_as_they_are_made(
    asgi: str, as_member_a: APIClient, member_a: User, business_a: Business, make_run: MakeRun
) -> None:
    make_run(business_a, "completed", created_at=Now() - timedelta(days=1), finished_at=Now() - timedelta(hours=2))
    run = make_run(business_a, "running", total=10)
    with stream(asgi, business_a.pk, Authorization=make_token(member_a)) as events:
        assert events.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert events.response.headers["X-Accel-Buffering"] == "no"
        assert events.response.headers["Cache-Control"] == "no-store"
        first = events.run()
        assert first.keys() == as_member_a.get(f"/api/runs/receipt_sync/{run.pk}/").json().keys()
        assert (first["id"], first["processed"]) == (run.pk, 0)
        update_columns(run, processed=5)
        assert events.run()["processed"] == 5
        ReceiptSyncRun.objects.filter(pk=run.pk).transition_to(Status.COMPLETED, finished_at=Now())
        assert events.run()["status"] == "completed"
        started = make_run(business_a)
        assert events.run()["id"] == started.pk


def test_a_run_that_only_ages_is_sent_when_its_verdict_changes(
    asgi: str, member_a: User, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, "running", silent_for=59)
    with stream(asgi, business_a.pk, Authorization=make_token(member_a)) as events:
        assert events.run()["verdict"]["code"] == "working"
        assert events.run()["verdict"]["code"] == "quiet"
        # Without a new version: as if time had passed.
        ReceiptSyncRun.objects.filter(pk=run.pk).update(heartbeat_at=Now() - timedelta(seconds=301))
        stale = events.run()
        assert (stale["status"], stale["is_stale"], stale["verdict"]["code"]) == ("failed", True, "stale")
    run.refresh_from_db()
    assert run.status == Status.FAILED


def test_runs_of_another_business_are_never_sent(
    asgi: str, member_a: User, business_a: Business, business_b: Business, make_run: MakeRun
) -> None:
    theirs, ours = make_run(business_b, "running"), make_run(business_a, "running")
    member_b = User.objects.create_user("somebody")
    Membership.objects.create(user=member_b, business=business_b)
    with (
        stream(asgi, business_a.pk, Authorization=make_token(member_a)) as a,
        stream(asgi, business_b.slug, Authorization=make_token(member_b)) as b,
    ):
        assert (a.run()["id"], b.run()["id"]) == (ours.pk, theirs.pk)
        update_columns(theirs, processed=1)
        assert b.run()["processed"] == 1
        update_columns(ours, processed=2)
        assert a.run()["processed"] == 2


def test_without_access_the_error_is_json(asgi: str, member_a: User, business_b: Business) -> None:
    accept = {"Accept": "text/event-stream"}
    url = f"{asgi}/api/runs/stream/"
    signed_in = {**accept, "Authorization": make_token(member_a)}
    for query, headers, status in (
        ("?business=business-b", accept, 401),
        ("?business=business-b", signed_in, 404),
        ("?business=nowhere", signed_in, 404),
        ("", signed_in, 400),
    ):
        answer = httpx.get(url + query, headers=headers)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json"), query
        assert answer.json()["errors"]
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_process_that_cannot_stream_is_406(as_member_a: APIClient) -> None:
    answer = as_member_a.get("/api/runs/stream/?business=business-a")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (406, "no_stream")


def test_events_are_in_the_readers_language(asgi: str, member_a: User, business_a: Business, make_run: MakeRun) -> None:
    make_run(business_a, "running")
    bearer = make_token(member_a)
    with (
        stream(asgi, business_a.pk, Authorization=bearer) as english,
        stream(asgi, f"{business_a.pk}&lang=he", Authorization=bearer) as hebrew,
    ):
        assert english.run()["verdict"]["label"] == "Working"
        assert hebrew.run()["verdict"]["label"] == "פועל"


def test_a_resumed_stream_sends_runs_that_ended_meanwhile(
    asgi: str, member_a: User, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, "running")
    bearer = make_token(member_a)
    with stream(asgi, business_a.pk, Authorization=bearer) as events:
        last = events.event()[0]
    ReceiptSyncRun.objects.filter(pk=run.pk).transition_to(Status.COMPLETED, finished_at=Now())
    # As if it had been a while ago; runs that ended in the last seconds are sent to every subscriber.
    ReceiptSyncRun.objects.filter(pk=run.pk).update(finished_at=Now() - timedelta(seconds=60))
    before = str(int(last) - 120_000)
    with stream(asgi, business_a.pk, Authorization=bearer, Last_Event_ID=before) as events:
        assert events.run()["status"] == "completed"
    with stream(asgi, business_a.pk, Authorization=bearer, Last_Event_ID="nonsense") as events:
        make_run(business_a)
        assert events.run()["status"] == "queued"


def end_session(user: User) -> None:
    Session.objects.all().delete()


def end_membership(user: User) -> None:
    Membership.objects.filter(user=user).delete()


def change_password(user: User) -> None:
    user.set_password("another")
    user.save(update_fields=["password"])


def deactivate(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


@pytest.mark.parametrize("end", [end_session, end_membership, change_password, deactivate])
def test_it_ends_with_the_access(
    asgi: str, client: Client, member_a: User, business_a: Business, make_run: MakeRun, end: Callable[[User], None]
) -> None:
    make_run(business_a, "running")
    client.force_login(member_a)
    name = settings.SESSION_COOKIE_NAME
    with stream(asgi, business_a.pk, Cookie=f"{name}={client.cookies[name].value}") as events:
        assert events.run()
        end(member_a)
        assert events.ended()


def test_it_ends_with_its_own_token_only(asgi: str, member_a: User, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "running")
    mine, other = make_token(member_a), make_token(member_a)
    with (
        stream(asgi, business_a.pk, Authorization=mine) as events,
        stream(asgi, business_a.pk, Authorization=other) as more,
    ):
        assert (events.run()["id"], more.run()["id"]) == (run.pk, run.pk)
        httpx.post(f"{asgi}/api/auth/logout/", headers={"Authorization": mine}).raise_for_status()
        assert events.ended()
        update_columns(run, processed=3)
        assert more.run()["processed"] == 3


def test_the_limit_of_streams_is_per_user(
    tmp_path: Path, member_a: User, business_a: Business, make_run: MakeRun
) -> None:
    make_run(business_a, "running")
    other = User.objects.create_user("somebody")
    Membership.objects.create(user=other, business=business_a)
    mine, theirs = make_token(member_a), make_token(other)
    with server(tmp_path / "state", {"STREAMS_PER_USER": "3"}) as url:

        def join_in_hebrew() -> httpx.Response:
            path = f"{url}/api/runs/stream/?business={business_a.pk}&lang=he"
            return httpx.get(path, headers={"Authorization": mine}, timeout=10)

        def has_place() -> bool:
            with httpx.stream(
                "GET", f"{url}/api/runs/stream/?business=business-a", headers={"Authorization": mine}
            ) as last:
                return last.status_code == 200

        with all_of(stream(url, business_a.pk, Authorization=mine) for _ in range(3)) as streams:
            assert all(each.run() for each in streams)
            refused = join_in_hebrew()
            assert (refused.status_code, refused.headers["Content-Type"]) == (429, "application/json")
            assert refused.json()["errors"][0]["code"] == "too_many_streams"
            assert refused.headers["Retry-After"] == "30"
            assert refused.headers["Cache-Control"] == "no-store"
            with stream(url, business_a.pk, Authorization=theirs) as another:
                assert another.run()
        until(has_place, seconds=10)


def test_streams_opened_at_once_respect_the_limit(tmp_path: Path, member_a: User, business_a: Business) -> None:
    bearer = make_token(member_a)

    def status(url: str) -> int:
        path = f"{url}/api/runs/stream/?business={business_a.pk}"
        with httpx.stream("GET", path, headers={"Authorization": bearer}, timeout=20) as response:
            opened.wait(20)  # until each of them has its answer
            return response.status_code

    opened = threading.Barrier(12)
    with server(tmp_path / "state", {"STREAMS_PER_USER": "5"}) as url, ThreadPoolExecutor(12) as threads:
        statuses = list(threads.map(status, [url] * 12))
    assert (statuses.count(200), statuses.count(429)) == (5, 7)


def test_the_number_of_queries_does_not_depend_on_the_subscribers(
    asgi: str, member_a: User, business_a: Business, make_run: MakeRun
) -> None:
    """The server counts what was done for signing in only later; then only the polls are left."""
    make_run(business_a, "running")
    bearer = make_token(member_a)
    with all_of(stream(asgi, business_a.pk, Authorization=bearer) for _ in range(30)) as streams:
        for each in streams:
            each.run()
        until(
            lambda: _statements_in_two_seconds() <= 30, seconds=60
        )  # a query for each poll and subscriber would be 120


@contextmanager
def all_of(contexts: Any) -> Iterator[list[Any]]:
    with ExitStack() as stack:
        yield [stack.enter_context(each) for each in contexts]


def _statements_in_two_seconds() -> float:
    def count() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
            return int(cursor.fetchone()[0])

    before = count()
    time.sleep(2)
    return count() - before


def test_a_stream_occupies_no_database_connection(
    tmp_path: Path, member_a: User, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, "running")
    bearer = make_token(member_a)
    with (
        server(tmp_path / "state", {"DATABASE_POOL_SIZE": "2"}) as url,
        all_of(stream(url, business_a.pk, Authorization=bearer) for _ in range(8)) as streams,
    ):
        update_columns(run, processed=7)
        for each in streams:
            assert any(each.run()["processed"] == 7 for _ in range(2))
