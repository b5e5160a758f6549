"""Real workers that lose their messages, their machine, their name or their ears; and the runs go on."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from django.db import connection, transaction

from runs.drill.models import DrillRun, DrillStep
from runs.lifecycle import start
from runs.models import Business, Worker
from runs.states import Status
from tests.workers import until, worker

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = DrillStep._meta.db_table
EVERY_SECOND = {"RUNS_ANNOUNCE_SECONDS": "1"}  # lost after 4.5 s, deaf after 3


def long_run(business: Business) -> DrillRun:
    return start(DrillRun, business, steps=10_000, step_seconds=0.05)


def short_run(business: Business) -> DrillRun:
    return start(DrillRun, business, steps=1, step_seconds=0)


def row(run: DrillRun) -> DrillRun:
    """Unlike readers it repairs nothing: a drill is stale after ten seconds."""
    return DrillRun.objects.get(pk=run.pk)


def reasons(run: DrillRun) -> list[str]:
    return [event.pgh_context["reason"] for event in run.events.order_by("pgh_id")]


def test_a_run_whose_message_was_lost_is_taken_all_the_same(business_a: Business, files: Path) -> None:
    with worker(files.parent, "drill", slots=2) as process:
        until(Worker.objects.alive().serving("drill").exists)
        busy = long_run(business_a)
        until(lambda: row(busy).status == Status.RUNNING)
        for _ in range(2):
            run = start_without_message(business_a)
            shutil.rmtree(files, ignore_errors=True)  # and whatever else was in the broker: often nothing by now
            until(lambda run=run: row(run).status == Status.COMPLETED)  # type: ignore[misc]
        process.terminate()
        process.wait(60)
    assert row(busy).status == Status.QUEUED
    assert not Worker.objects.exists(), "who shuts down isn't lost"


def start_without_message(business: Business) -> DrillRun:
    return DrillRun.objects.create(business=business, steps=1, step_seconds=0)


def test_the_runs_of_a_frozen_machine_go_on_elsewhere_and_it_writes_nothing_when_it_wakes(
    business_a: Business, files: Path
) -> None:
    """It freezes at the worst moment: in a transaction, which keeps the run's row locked."""
    limits = {**EVERY_SECOND, "DATABASE_STATEMENT_TIMEOUT_SECONDS": "8"}  # or it would keep its lock for half a minute
    with worker(files.parent, "drill", name="frozen", environment=limits) as frozen:
        run = long_run(business_a)
        until(lambda: row(run).processed >= 5)
        with worker(files.parent, "drill", name="live", environment=EVERY_SECOND):
            until(lambda: Worker.objects.alive().count() == 2)
            with no_steps_written():
                until(is_step_waiting)
                os.killpg(frozen.pid, signal.SIGSTOP)
            until(lambda: row(run).attempt == 2, seconds=120)
            resumed = row(run)
            assert reasons(run) == ["started", "claimed", "machine lost", "claimed"]
            assert resumed.worker.startswith("live@")
            until(lambda: row(run).processed > resumed.processed)

            os.killpg(frozen.pid, signal.SIGCONT)
            until(lambda: Worker.objects.alive().count() == 2)
            numbers = DrillStep.objects.filter(run=run, attempt=1).count()
            until(lambda: row(run).processed > resumed.processed + 40)
            assert DrillStep.objects.filter(run=run, attempt=1).count() == numbers
            assert row(run).attempt == 2


@contextmanager
def no_steps_written() -> Iterator[None]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {STEPS} IN EXCLUSIVE MODE")
        yield


def is_step_waiting() -> bool:
    """Is a worker, which has locked its run, waiting to write the step?"""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass", [STEPS])
        return bool(cursor.fetchone()[0])


def test_of_two_workers_with_one_name_the_older_ends_itself(business_a: Business, files: Path) -> None:
    with worker(files.parent, "drill", name="one", environment=EVERY_SECOND) as older:
        until(Worker.objects.exists)
        with worker(files.parent, "drill", name="one", environment=EVERY_SECOND):
            assert older.wait(60) == 1
            run = short_run(business_a)
            until(lambda: row(run).status == Status.COMPLETED)
            assert Worker.objects.alive().count() == 1


def test_workers_that_take_nothing_give_their_runs_back_and_end_themselves(
    business_a: Business, business_b: Business, files: Path, tmp_path: Path
) -> None:
    """One's main loop hangs; the other's consumer takes no message any more."""
    now = tmp_path / "now"

    def goes_deaf(by: str) -> dict[str, str]:
        settings = "tests.deaf_worker_settings"
        return {**EVERY_SECOND, "DJANGO_SETTINGS_MODULE": settings, "DEAF_WHEN_EXISTS": str(now), "DEAF_BY": by}

    with worker(files.parent, "drill", name="hung", slots=2, environment=goes_deaf("main loop")) as hung:
        run = long_run(business_a)
        until(lambda: row(run).processed >= 5)
        with worker(files.parent, "drill", name="deaf", environment=goes_deaf("consumer")) as deaf:
            until(lambda: Worker.objects.alive().count() == 2)
            children = psutil.Process(hung.pid).children()
            now.touch()
            until(lambda: all((tmp_path / f"deaf-{name}").exists() for name in ("hung", "deaf")))
            waiting = short_run(business_b)
            assert (hung.wait(120), deaf.wait(120)) == (1, 1)
            assert not psutil.wait_procs(children, timeout=30)[1]
    given_back = row(run)
    assert (given_back.status, given_back.losses) == (Status.QUEUED, 0)
    assert reasons(run)[-1] == "asked to interrupt"
    assert row(waiting).status == Status.QUEUED
    assert not Worker.objects.exists()
