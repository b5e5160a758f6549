"""SIGTERM to a worker in the middle of an item that takes longer than a deploy waits."""

from pathlib import Path
from typing import Any

import pytest

from runs.drill.models import DrillRun
from runs.lifecycle import dispatch
from runs.lifecycle.claim import claim_next
from runs.lifecycle.worker import work_on_next
from runs.lifecycle.worker_process import this_worker
from runs.models import Business
from runs.progress import Progress
from runs.states import Status
from tests.actors import read_run
from tests.workers import until, worker

pytestmark = pytest.mark.django_db(transaction=True)

WITHIN = 60  # seconds: a tenth of its item, and much more than it takes


def test_a_worker_ends_in_time_though_its_item_takes_longer(business_a: Business, files: Path) -> None:
    run = dispatch.start(DrillRun, business_a, steps=3, step_seconds=600)
    with worker(files.parent, "drill") as process:
        until(lambda: read_run(run).status == Status.RUNNING)
        process.terminate()
        process.wait(WITHIN)
    left = read_run(run)
    assert (left.status, left.requested) == (Status.QUEUED, "")
    assert left.events.order_by("pgh_id").last().pgh_context["reason"] == "asked to interrupt"


def steps(run: DrillRun, progress: Progress) -> None:
    for _ in progress.track(range(run.steps), durably=True):
        pass


def test_a_claim_at_the_moment_of_a_shutdown_is_interrupted_too(
    business_a: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = dispatch.start(DrillRun, business_a, steps=100, step_seconds=0)

    def claim_meanwhile(*args: Any, **options: Any) -> Any:
        this_worker.set_stopping(True)
        return claim_next(*args, **options)

    monkeypatch.setattr("runs.lifecycle.worker.claim_next", claim_meanwhile)
    monkeypatch.setattr("runs.lifecycle.worker.works", {DrillRun: steps})
    try:
        work_on_next(DrillRun.queue)
    finally:
        this_worker.set_stopping(False)
    assert read_run(run).status == Status.QUEUED
