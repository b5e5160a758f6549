"""While the database takes no writes, readers see the truth, writers get 503 with Retry-After, and workers wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery.exceptions import WorkerLostError
from django.contrib.auth.models import User
from django.db import DatabaseError, OperationalError, connection, transaction
from django.test import Client
from knox.models import AuthToken
from pytest_django import Settings
from rest_framework.test import APIClient

from runs import tasks
from runs.drill.models import DrillRun
from runs.exceptions import RunLost
from runs.lifecycle import dispatch
from runs.lifecycle.reclaim import reclaim_from_lost_process
from runs.lifecycle.sweep import sweep
from runs.models import Business, Sweep
from runs.progress import Progress
from runs.states import Status
from tests.actors import age_heartbeat, claim_counting, read_run, start_counting, work_through
from tests.api.test_errors import check
from tests.cast import PASSWORD, MakeRun
from tests.contract.models import CountingEffect, CountingRun
from tests.read_only import read_only_database, set_read_only
from tests.workers import until, worker

pytestmark = pytest.mark.django_db(transaction=True)


# Readers

SHOWS_IT_FAILED = [
    "/api/runs/",
    "/api/runs/?active=false",
    "/api/runs/?status=failed&business=business-a",
    "/api/runs/counting/{id}/",
]
SHOWS_IT_NOT = ["/api/runs/?active=true", "/api/runs/?status=running"]


@pytest.fixture
def overdue(business_a: Business, make_run: MakeRun) -> Any:
    return make_run(business_a, "running", silent_for=301)


@pytest.mark.parametrize("path", SHOWS_IT_FAILED)
def test_the_api_shows_an_overdue_run_as_stale_without_writing(as_member_a: APIClient, overdue: Any, path: str) -> None:
    with read_only_database():
        answer = as_member_a.get(path.format(id=overdue.pk))
        assert answer.status_code == 200, answer.content
        body = answer.json()
        body = body["results"][0] if "results" in body else body
        assert (body["status"], body["error_code"], body["is_stale"]) == ("failed", "stale", True)
    assert CountingRun.objects.get().status == "running", "nothing was written"


@pytest.mark.parametrize("path", SHOWS_IT_NOT)
def test_a_stale_run_is_not_among_the_active_ones(as_member_a: APIClient, overdue: Any, path: str) -> None:
    with read_only_database():
        assert as_member_a.get(path).json()["results"] == []


def test_metrics_count_it_as_dead(client: Client, overdue: Any) -> None:
    with read_only_database():
        answer = client.get("/metrics")
    assert 'unstuck_runs_active{status="running",type="counting"} 0.0' in answer.content.decode()


def test_the_pages_show_it_stuck(client: Client, member_a: User, overdue: Any) -> None:
    client.force_login(member_a)
    with read_only_database():
        for page in ("/b/business-a/runs/", f"/b/business-a/runs/counting/{overdue.pk}/"):
            answer = client.get(page)
            assert answer.status_code == 200
            assert "Stuck - no updates" in answer.content.decode()


def test_the_admin_shows_it_stuck(client: Client, staff: User, overdue: Any) -> None:
    client.force_login(staff)
    with read_only_database():
        for page in ("", f"{overdue.pk}/change/"):
            answer = client.get(f"/admin/contract/countingrun/{page}")
            assert answer.status_code == 200
            assert "Stuck - no updates" in answer.content.decode()


def test_a_member_with_expired_tokens_can_still_read(as_member_a: APIClient, member_a: User) -> None:
    AuthToken.objects.create(member_a, expiry=timedelta(seconds=-1))
    _expired, token = AuthToken.objects.create(member_a, expiry=timedelta(seconds=-1))
    with read_only_database():
        assert as_member_a.get("/api/runs/").status_code == 200
        assert APIClient().get("/api/runs/", HTTP_AUTHORIZATION=f"Bearer {token}").status_code == 401


# Writers


def test_every_write_of_the_api_is_answered_503(
    as_member_a: APIClient, as_staff: APIClient, business_a: Business, make_run: MakeRun
) -> None:
    finished, run = make_run(business_a, "completed", failed_items=1), make_run(business_a, "running")
    writes: list[tuple[APIClient, str, Any]] = [
        (as_member_a, f"/api/runs/counting/{finished.pk}/retry-failed/", None),
        (as_member_a, f"/api/runs/counting/{run.pk}/cancel/", None),
        (as_staff, f"/api/admin/business/{business_a.pk}/reset-progress", {}),
        (as_member_a, "/api/auth/logout/", None),
        (APIClient(), "/api/auth/login/", {"username": "member-a", "password": PASSWORD}),
        (APIClient(), "/api/auth/login/", {"username": "member-a", "password": "wrong"}),
    ]
    with read_only_database():
        for client, path, body in writes:
            answer = client.post(path, body)
            assert check(answer, 503, "server_error")["errors"][0]["code"] == "database_away", path
            assert int(answer.headers["Retry-After"]) > 0


def test_the_log_says_why_in_one_line_without_a_traceback(
    as_member_a: APIClient, business_a: Business, make_run: MakeRun, caplog: pytest.LogCaptureFixture
) -> None:
    finished = make_run(business_a, "completed", failed_items=1)
    with read_only_database():
        as_member_a.post(f"/api/runs/counting/{finished.pk}/retry-failed/")
    lines: list[Any] = [record.msg for record in caplog.records if "database_error" in record.msg]
    [line] = lines
    assert line["database_error"] == "cannot execute SELECT FOR UPDATE in a read-only transaction"
    assert not [record for record in caplog.records if record.exc_info]


def test_the_sweep_logs_one_line_that_it_waits(caplog: pytest.LogCaptureFixture) -> None:
    with read_only_database():
        tasks.sweep_unless_database_is_away()
    [record] = caplog.records
    assert record.getMessage() == "The sweep waits for the database: cannot execute INSERT in a read-only transaction"
    tasks.sweep_unless_database_is_away()
    assert Sweep.objects.get().finished_at


@pytest.mark.parametrize("debug", [True, False])
def test_writes_of_pages_and_admin_are_answered_503(
    client: Client, staff: User, business_a: Business, make_run: MakeRun, settings: Settings, debug: bool
) -> None:
    settings.DEBUG = debug
    make_run(business_a, "running")
    signed_in = Client()
    signed_in.force_login(staff)
    writes = [
        (client, "/login/", {"username": "staff", "password": PASSWORD}),
        (signed_in, "/admin/runs/business/reset-progress/", {"business": business_a.pk, "reason": "stuck"}),
    ]
    with read_only_database():
        for browser, path, form in writes:
            answer = browser.post(path, form)
            assert answer.status_code == 503, path
            assert int(answer.headers["Retry-After"]) > 0
            assert "no-store" in answer.headers["Cache-Control"]
            assert "The database isn't available" in answer.content.decode()


def test_the_next_write_finds_a_database_that_takes_writes_again(
    as_member_a: APIClient, business_a: Business, make_run: MakeRun
) -> None:
    retry = f"/api/runs/counting/{make_run(business_a, 'completed', failed_items=1).pk}/retry-failed/"
    with read_only_database():
        assert as_member_a.post(retry).status_code == 503
        session = connection.connection
    assert session is None, "a session that began read-only would stay so"
    assert as_member_a.post(retry).status_code == 202


# Workers


@pytest.fixture
def end_failover() -> Iterator[Callable[[float], None]]:
    """`end_failover(seconds)`: the database takes writes again in so many seconds."""
    timers: list[threading.Timer] = []

    def begin(seconds: float) -> None:
        timers.append(threading.Timer(seconds, set_read_only, ["off"]))
        timers[-1].start()

    yield begin
    for timer in timers:
        timer.join()


def test_a_worker_waits_for_a_read_only_database_and_repeats_no_item(
    business_a: Business, settings: Settings, end_failover: Callable[[float], None]
) -> None:
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0
    done: list[int] = []

    def work(run: CountingRun, progress: Progress) -> None:
        for number in progress.track(range(3)):
            done.append(number)
            if number == 1:
                set_read_only("on")
                end_failover(0.5)

    run = work_through(start_counting(business_a), work)
    assert (run.status, run.processed, run.attempt, done) == ("completed", 3, 1, [0, 1, 2])


def test_an_outage_in_a_query_of_the_work_requeues_the_run_at_its_cursor(
    business_a: Business, settings: Settings, end_failover: Callable[[float], None], messages: list[Any]
) -> None:
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0
    done: list[int] = []

    def work(run: CountingRun, progress: Progress) -> None:
        for number in progress.track(range(run.cursor.get("next", 0), 3)):
            if number == 1 and run.attempt == 1:
                set_read_only("on")
            try:
                CountingEffect.objects.create(run=run, number=number)
            except DatabaseError:
                end_failover(0.5)
                raise
            done.append(number)
            progress.checkpoint(next=number + 1)

    messages.clear()
    run = work_through(start_counting(business_a), work)
    assert (run.status, run.processed) == ("queued", 1)
    assert len(messages) == 2, "the start, and the way back"
    run = work_through(run, work)
    assert (run.status, run.processed, run.attempt, done) == ("completed", 3, 2, [0, 1, 2])


def test_a_run_that_meets_only_outages_fails_and_accuses_no_item(business_a: Business) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        for _number in progress.track(range(3)):
            raise OperationalError("the connection is closed")

    run = start_counting(business_a)
    for _attempt in range(3):
        run = work_through(run, work)
    assert (run.status, run.error_code, run.accused_item, run.poison_items) == ("failed", "worker_lost", "", [])
    reasons = run.events.filter(status=Status.QUEUED).values_list("pgh_context__reason", flat=True)
    assert list(reasons.order_by("pgh_id")) == ["started", "the database was away", "the database was away"]
    assert run.events.latest("pgh_id").pgh_context["error"] == "the connection is closed"


def test_a_query_that_takes_too_long_is_its_items_own_fault(business_a: Business) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        for number in progress.track(range(2)):
            with progress.item(number), transaction.atomic(), connection.cursor() as cursor:
                if number == 0:
                    cursor.execute("SET LOCAL statement_timeout = 10; SELECT pg_sleep(10)")

    run = work_through(start_counting(business_a), work)
    assert (run.status, run.failed, run.succeeded) == ("completed", 1, 1)
    assert "statement timeout" in run.items.get(status="failed").error_message


def test_real_workers_go_on_after_a_failover(
    business_a: Business, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DrillRun, "stale_after_seconds", 300)  # for the readers here: a busy machine may pause
    run = dispatch.start(DrillRun, business_a, steps=40, step_seconds=0.05)
    with worker(files.parent, "drill"):
        until(lambda: read_run(run).processed >= 5)
        with read_only_database():
            shown_run = read_run(run)
            time.sleep(2)  # what is tested is that it lasts
            assert read_run(run).processed - shown_run.processed <= 1, "nothing is written meanwhile"
        until(lambda: read_run(run).status == Status.COMPLETED)
    assert (read_run(run).attempt, read_run(run).processed) == (1, 40)
    numbers = list(run.footprints.order_by("pk").values_list("number", flat=True))
    assert numbers == list(range(40))


def test_a_run_whose_process_was_killed_meanwhile_goes_on_after_the_outage(business_a: Business) -> None:
    run = claim_counting(business_a)
    with read_only_database():
        reclaim_from_lost_process(run.task_id, WorkerLostError())
    until(lambda: read_run(run).status == Status.QUEUED)
    assert run.events.order_by("pgh_id").last().pgh_context["reason"] == "resumed after worker loss"


def test_a_run_that_was_shown_as_stale_is_not_revived_by_a_late_write(business_a: Business) -> None:
    run = claim_counting(business_a)
    progress = Progress(run)
    age_heartbeat(run, 301)
    with read_only_database():
        assert read_run(run).error_code == "stale"
    with pytest.raises(RunLost):
        progress.report()
    with pytest.raises(RunLost):
        progress.fenced(CountingEffect.objects.create, run=run, number=1)
    with pytest.raises(RunLost):
        progress.leave(Status.COMPLETED)
    assert CountingRun.objects.reclaim() == 0
    assert sweep()
    run.refresh_from_db()
    assert (run.status, run.error_code) == ("failed", "stale")
