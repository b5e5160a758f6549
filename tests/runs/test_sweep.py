"""The sweep: one at a time, stopped by nothing, and watched itself."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from celery import current_app
from celery.signals import task_revoked
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings

import runs.lifecycle.sweep
from runs.lifecycle import dispatch
from runs.lifecycle.reset import reset_progress
from runs.lifecycle.sweep import is_sweep_on_time, sweep
from runs.models import Business, BusinessQueue, Run, Sweep, run_types
from runs.models.audit import SYSTEM
from tests.actors import age_heartbeat, claim_counting, read_run, start_counting
from tests.contract.models import CountingRun

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_round_is_recorded(business_a: Business) -> None:
    assert not is_sweep_on_time(), "nobody has ever looked"
    assert sweep()
    assert is_sweep_on_time()


def test_three_missed_rounds_are_noticed() -> None:
    sweep()
    Sweep.objects.update(finished_at=Now() - timedelta(seconds=91))
    assert not is_sweep_on_time()


def test_a_second_round_waits_for_the_first_but_not_for_a_dead_one() -> None:
    sweep()
    Sweep.objects.update(started_at=Now(), finished_at=Now() - timedelta(seconds=30))
    assert not sweep()
    Sweep.objects.update(started_at=Now() - timedelta(seconds=61))
    assert sweep()


def test_a_step_that_fails_does_not_end_the_round(
    business_a: Business, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    def broken(model: type[Run]) -> int:
        raise RuntimeError("broken")

    run = start_counting(business_a)
    CountingRun.objects.filter(pk=run.pk).update(queued_at=Now() - timedelta(days=2))
    monkeypatch.setattr(runs.lifecycle.sweep, "expire_stale", broken)
    assert sweep()
    run.refresh_from_db()
    assert run.error_code == "queue_timeout", "the steps after it were done"


def test_a_connection_lost_in_a_round_costs_one_step_and_one_line_of_the_log(
    business_a: Business, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def cut_off(model: type[Run]) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return 0

    run = start_counting(business_a)
    CountingRun.objects.filter(pk=run.pk).update(queued_at=Now() - timedelta(days=2))
    monkeypatch.setattr(runs.lifecycle.sweep, "expire_stale", cut_off)
    assert sweep()
    run.refresh_from_db()
    assert run.error_code == "queue_timeout"
    logged = [record for record in caplog.records if record.name == "runs.lifecycle.sweep"]
    assert {(record.levelname, record.exc_info) for record in logged} == {("WARNING", None)}
    assert len(logged) == len(run_types())


def test_a_backlog_that_is_being_worked_off_is_not_given_up(business_a: Business) -> None:
    """However long it is, and also in the moment when no limit is reached because a run has just ended."""
    run = start_counting(business_a)
    CountingRun.objects.filter(pk=run.pk).update(queued_at=Now() - timedelta(days=2))
    turn = BusinessQueue.objects.create(business=business_a, queue=CountingRun.queue, served_at=Now())
    sweep()
    assert read_run(run).status == "queued"
    BusinessQueue.objects.filter(pk=turn.pk).update(served_at=Now() - timedelta(days=2))
    sweep()
    assert read_run(run).error_code == "queue_timeout"


def test_the_queue_timeout_may_be_never(business_a: Business, settings: Settings) -> None:
    settings.RUNS_QUEUE_TIMEOUT_SECONDS = None
    run = start_counting(business_a)
    CountingRun.objects.filter(pk=run.pk).update(queued_at=Now() - timedelta(days=200))
    sweep()
    run.refresh_from_db()
    assert run.status == "queued"


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], str]]:
    """The tasks that were terminated."""
    tasks: list[tuple[list[str], str]] = []

    def revoke(task_ids: list[str], *, terminate: bool, signal: str) -> None:
        assert terminate
        tasks.append((task_ids, signal))

    monkeypatch.setattr(current_app.control, "revoke", revoke)
    return tasks


Ended = list[tuple[list[str], str]]
THE_TASK: Ended = [(["task"], "SIGKILL")]


def test_the_task_of_an_expired_run_is_ended_again_and_again_for_a_while(business_a: Business, ended: Ended) -> None:
    """A worker that is just connecting to its broker again misses the message."""
    run = claim_counting(business_a)
    age_heartbeat(run, 301)
    sweep()
    sweep()
    assert ended == THE_TASK * 2
    CountingRun.objects.filter(pk=run.pk).update(finished_at=Now() - timedelta(seconds=dispatch.KILL_SECONDS + 1))
    sweep()
    sweep()
    assert ended == THE_TASK * 3


def test_a_task_that_its_worker_has_killed_is_ended_once(business_a: Business, ended: Ended) -> None:
    age_heartbeat(claim_counting(business_a), 301)
    sweep()
    task_revoked.send(sender=None, request=SimpleNamespace(id="task"), terminated=True, signum=9, expired=False)
    sweep()
    assert ended == THE_TASK


def test_a_sweep_after_a_long_pause_still_ends_the_task(business_a: Business, ended: Ended) -> None:
    run = claim_counting(business_a)
    age_heartbeat(run, 301)
    read_run(run)
    CountingRun.objects.filter(pk=run.pk).update(finished_at=Now() - timedelta(hours=2))
    sweep()
    assert ended == THE_TASK


def test_a_retry_that_is_faster_than_the_sweep_ends_the_hung_task_too(business_a: Business, ended: Ended) -> None:
    run = claim_counting(business_a)
    age_heartbeat(run, 301)
    dispatch.reopen(read_run(run), SYSTEM, "retried")
    assert ended == THE_TASK


def test_a_retry_does_not_wait_for_a_broker_that_is_away(business_a: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr(current_app.control, "revoke", refuse)
    run = claim_counting(business_a)
    age_heartbeat(run, 301)
    dispatch.reopen(read_run(run), SYSTEM, "retried")
    assert read_run(run).status == "queued"


def test_the_task_of_a_run_that_was_reset_is_ended_when_it_stays_silent(business_a: Business, ended: Ended) -> None:
    run = claim_counting(business_a)
    reset_progress(run.business, actor=SYSTEM)
    sweep()
    assert ended == [], "it may live, and finds out by itself"
    age_heartbeat(run, 301)
    sweep()
    assert ended == THE_TASK
