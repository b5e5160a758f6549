"""The stream over HTTP: what it sends to whom, until when, and what it costs the database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
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
from rest_framework.test import APIClient

from runs.api.fanout import Fanout, PollQuery
from runs.api.subscribers import Edition
from runs.models import Business, Membership
from runs.states import Status
from tests.cast import MakeRun
from tests.contract.models import CountingRun
from tests.event_streams import make_token, open_stream
from tests.servers import ANSWER_SECONDS, get, server
from tests.workers import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def asgi(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("web")) as url:
        yield url


def update_columns(run: Any, **columns: Any) -> None:
    columns = {"heartbeat_at": Now(), **columns}
    CountingRun.objects.filter(pk=run.pk).update(version=F("version") + 1, **columns)


def test_active_runs_come_at_once_and_changes_as_they_are_made(
    asgi: str, as_member_a: APIClient, member_a: User, business_a: Business, make_run: MakeRun
) -> None:
    make_run(business_a, "completed", created_at=Now() - timedelta(days=1), finished_at=Now() - timedelta(hours=2))
    run = make_run(business_a, "running", total=10)
    with open_stream(asgi, business_a.pk, Authorization=make_token(member_a)) as events:
        assert events.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert events.response.headers["X-Accel-Buffering"] == "no"
        assert events.response.headers["Cache-Control"] == "no-store"
        first = events.next_run()
        assert first.keys() == as_member_a.get(f"/api/runs/counting/{run.pk}/").json().keys()
        assert (first["id"], first["processed"]) == (run.pk, 0)
        update_columns(run, processed=5)
        assert events.next_run()["processed"] == 5
        CountingRun.objects.filter(pk=run.pk).transition_to(Status.COMPLETED, finished_at=Now())
        assert events.next_run()["status"] == "completed"
        started = make_run(business_a)
        assert events.next_run()["id"] == started.pk


def test_a_run_is_sent_when_its_age_alone_changes_its_verdict(
    asgi: str, member_a: User, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, "running", silent_for=5)
    with open_stream(asgi, business_a.pk, Authorization=make_token(member_a)) as events:
        assert events.next_run()["verdict"]["code"] == "working"
        # Without a new version: as if time had passed.
        CountingRun.objects.filter(pk=run.pk).update(heartbeat_at=Now() - timedelta(seconds=61))
        assert events.next_run()["verdict"]["code"] == "quiet"
        CountingRun.objects.filter(pk=run.pk).update(heartbeat_at=Now() - timedelta(seconds=301))
        stale = events.next_run()
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
        open_stream(asgi, business_a.pk, Authorization=make_token(member_a)) as a,
        open_stream(asgi, business_b.slug, Authorization=make_token(member_b)) as b,
    ):
        assert (a.next_run()["id"], b.next_run()["id"]) == (ours.pk, theirs.pk)
        update_columns(theirs, processed=1)
        assert b.next_run()["processed"] == 1
        update_columns(ours, processed=2)
        assert a.next_run()["processed"] == 2


def test_a_refusal_is_json(asgi: str, member_a: User, business_b: Business) -> None:
    accept = {"Accept": "text/event-stream"}
    url = f"{asgi}/api/runs/stream/"
    signed_in = {**accept, "Authorization": make_token(member_a)}
    for query, headers, status in (
        ("?business=business-b", accept, 401),
        ("?business=business-b", signed_in, 404),
        ("?business=nowhere", signed_in, 404),
        ("", signed_in, 400),
    ):
        answer = get(url + query, headers=headers)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json"), query
        assert answer.json()["errors"]
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_process_that_cannot_stream_answers_406(as_member_a: APIClient) -> None:
    answer = as_member_a.get("/api/runs/stream/?business=business-a")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (406, "no_stream")


def test_subscribers_get_texts_in_their_own_language(
    asgi: str, member_a: User, business_a: Business, make_run: MakeRun
) -> None:
    make_run(business_a, "running")
    bearer = make_token(member_a)
    with (
        open_stream(asgi, business_a.pk, Authorization=bearer) as english,
        open_stream(asgi, f"{business_a.pk}&lang=he", Authorization=bearer) as hebrew,
    ):
        assert english.next_run()["verdict"]["label"] == "Working"
        assert hebrew.next_run()["verdict"]["label"] == "פועל"


def test_a_subscriber_that_comes_back_gets_what_ended_meanwhile(
    asgi: str, member_a: User, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, "running")
    bearer = make_token(member_a)
    with open_stream(asgi, business_a.pk, Authorization=bearer) as events:
        last = events.next_event()[0]
    CountingRun.objects.filter(pk=run.pk).transition_to(Status.COMPLETED, finished_at=Now())
    # As if it had been a while ago; what ended in the last seconds is sent to everybody.
    CountingRun.objects.filter(pk=run.pk).update(finished_at=Now() - timedelta(seconds=60))
    before = str(int(last) - 120_000)
    with open_stream(asgi, business_a.pk, Authorization=bearer, Last_Event_ID=before) as events:
        assert events.next_run()["status"] == "completed"
    with open_stream(asgi, business_a.pk, Authorization=bearer, Last_Event_ID="nonsense") as events:
        make_run(business_a)
        assert events.next_run()["status"] == "queued"


def test_what_a_subscriber_missed_is_read_for_its_business_and_no_news_to_others(
    business_a: Business, business_b: Business, make_run: MakeRun
) -> None:
    """Else anyone could have all runs of the last hour sent to everybody, again and again."""
    for business in (business_a, business_b):
        make_run(business, "completed", finished_at=Now() - timedelta(seconds=60))
    fanout, editions = Fanout(), {business.pk: {Edition("en")} for business in (business_a, business_b)}
    run = make_run(business_a, "running")
    query = PollQuery(editions, {business_a.pk}, resume_from=datetime.fromtimestamp(0, UTC), seconds_back=10)
    updates = {(each.business_id, each.key.id == run.pk): each for each in fanout.fetch_updates(query)}
    assert updates.keys() == {(business_a.pk, True), (business_a.pk, False)}
    assert [updates[business_a.pk, is_active].changed for is_active in (True, False)] == [True, False]
    assert all(each.events for each in updates.values()), "the one that comes back gets both"


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
def test_it_ends_when_the_subscriber_loses_access(
    asgi: str, client: Client, member_a: User, business_a: Business, make_run: MakeRun, end: Callable[[User], None]
) -> None:
    make_run(business_a, "running")
    client.force_login(member_a)
    name = settings.SESSION_COOKIE_NAME
    with open_stream(asgi, business_a.pk, Cookie=f"{name}={client.cookies[name].value}") as events:
        assert events.next_run()
        end(member_a)
        assert events.ends_without_event()


def test_it_ends_with_its_own_token_only(asgi: str, member_a: User, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "running")
    mine, other = make_token(member_a), make_token(member_a)
    with (
        open_stream(asgi, business_a.pk, Authorization=mine) as events,
        open_stream(asgi, business_a.pk, Authorization=other) as more,
    ):
        assert (events.next_run()["id"], more.next_run()["id"]) == (run.pk, run.pk)
        logout = httpx.post(f"{asgi}/api/auth/logout/", headers={"Authorization": mine}, timeout=ANSWER_SECONDS)
        logout.raise_for_status()
        assert events.ends_without_event()
        update_columns(run, processed=3)
        assert more.next_run()["processed"] == 3


def test_the_limit_of_streams_is_per_user(
    tmp_path: Path, member_a: User, business_a: Business, make_run: MakeRun
) -> None:
    make_run(business_a, "running")
    other = User.objects.create_user("somebody")
    Membership.objects.create(user=other, business=business_a)
    mine, theirs = make_token(member_a), make_token(other)
    with server(tmp_path / "state", {"STREAMS_PER_USER": "3"}) as url:

        def request_in_hebrew() -> httpx.Response:
            path = f"{url}/api/runs/stream/?business={business_a.pk}&lang=he"
            return get(path, headers={"Authorization": mine})

        def has_place() -> bool:
            path = f"{url}/api/runs/stream/?business=business-a"
            with httpx.stream("GET", path, headers={"Authorization": mine}, timeout=ANSWER_SECONDS) as last:
                return last.status_code == 200

        with all_of(open_stream(url, business_a.pk, Authorization=mine) for _ in range(3)) as streams:
            assert all(each.next_run() for each in streams)
            refused = request_in_hebrew()
            assert (refused.status_code, refused.headers["Content-Type"]) == (429, "application/json")
            assert refused.json()["errors"][0]["code"] == "too_many_streams"
            assert refused.headers["Retry-After"] == "30"
            assert refused.headers["Cache-Control"] == "no-store"
            with open_stream(url, business_a.pk, Authorization=theirs) as another:
                assert another.next_run()
        until(has_place)


def test_streams_opened_at_once_respect_the_limit(tmp_path: Path, member_a: User, business_a: Business) -> None:
    bearer = make_token(member_a)

    def status(url: str) -> int:
        path = f"{url}/api/runs/stream/?business={business_a.pk}"
        with httpx.stream("GET", path, headers={"Authorization": bearer}, timeout=ANSWER_SECONDS) as response:
            opened.wait(ANSWER_SECONDS)  # until each of them has its answer
            return response.status_code

    opened = threading.Barrier(12)
    with server(tmp_path / "state", {"STREAMS_PER_USER": "5"}) as url, ThreadPoolExecutor(12) as threads:
        statuses = list(threads.map(status, [url] * 12))
    assert (statuses.count(200), statuses.count(429)) == (5, 7)


def test_many_subscribers_cost_the_database_no_more_than_one(
    asgi: str, member_a: User, business_a: Business, make_run: MakeRun
) -> None:
    """The server counts what was done for signing in only later; then only the polls are left."""
    make_run(business_a, "running")
    bearer = make_token(member_a)
    with all_of(open_stream(asgi, business_a.pk, Authorization=bearer) for _ in range(30)) as streams:
        for each in streams:
            each.next_run()
        # A query for each poll and subscriber would be 120.
        until(lambda: _statements_in_two_seconds() <= 30, seconds=60)


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


def test_a_subscriber_takes_no_database_connection(
    tmp_path: Path, member_a: User, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, "running")
    bearer = make_token(member_a)
    with (
        server(tmp_path / "state", {"DATABASE_POOL_SIZE": "2"}) as url,
        all_of(open_stream(url, business_a.pk, Authorization=bearer) for _ in range(8)) as streams,
    ):
        update_columns(run, processed=7)
        for each in streams:
            assert any(each.next_run()["processed"] == 7 for _ in range(2))
