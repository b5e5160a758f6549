"""An idle pool process that is killed, as the kernel's OOM killer may, leaves its worker able to take tasks."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psutil
import pytest
from django.db.models.functions import Now

from runs.drill.models import DrillRun
from runs.lifecycle import dispatch
from runs.models import Business, Sweep
from runs.states import Status
from tests.actors import read_run
from tests.workers import celery_on, until, worker

pytestmark = pytest.mark.django_db(transaction=True)

TAKEN_SECONDS = 60  # for other workers a sweep is overdue after 75


def short_run(business: Business) -> DrillRun:
    return dispatch.start(DrillRun, business, steps=2, step_seconds=0)


def kill_pool(process: subprocess.Popen[bytes]) -> None:
    """Kill all processes of the pool, so that the one that reads next is among them."""
    pool = psutil.Process(process.pid).children()
    assert pool
    for child in pool:
        child.kill()


def test_a_worker_whose_idle_processes_were_killed_takes_the_next_run(business_a: Business, files: Path) -> None:
    with worker(files.parent, "drill", slots=2) as process:
        first = short_run(business_a)
        until(lambda: read_run(first).status == Status.COMPLETED)
        kill_pool(process)
        second = short_run(business_a)
        until(lambda: read_run(second).status == Status.COMPLETED, TAKEN_SECONDS)


def test_control_whose_only_process_was_killed_sweeps_again(files: Path) -> None:
    def sweep_is_seen_after_it_was_sent(seconds: float) -> None:
        Sweep.objects.update(started_at=None, finished_at=None)
        celery_on(files).send_task("runs.sweep", queue="control")
        until(lambda: Sweep.objects.filter(finished_at__lte=Now()).exists(), seconds)

    with worker(files.parent, "control") as process:
        sweep_is_seen_after_it_was_sent(60)
        kill_pool(process)
        sweep_is_seen_after_it_was_sent(TAKEN_SECONDS)
