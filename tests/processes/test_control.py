"""Cancel and pause reach a worker's run within two seconds of its item, and outlive the worker."""

from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from runs.drill.models import DrillRun, DrillStep
from runs.lifecycle import dispatch
from runs.models import Business
from runs.states import Status
from tests.actors import read_run
from tests.workers import kill, until, worker

pytestmark = pytest.mark.django_db(transaction=True)

STEPS, STEP_SECONDS = 400, 0.05
# Two seconds, and the second by which the row that a reader sees may be older than the work.
WITHIN_STEPS = 3 / STEP_SECONDS


@pytest.fixture(autouse=True)
def _patient_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A drill is stale after ten seconds, which a busy machine may take between two looks."""
    monkeypatch.setattr(DrillRun, "stale_after_seconds", 300)


def long_run(business: Business) -> DrillRun:
    return dispatch.start(DrillRun, business, steps=STEPS, step_seconds=STEP_SECONDS)


def request_action(client: APIClient, run: DrillRun, action: str) -> dict[str, Any]:
    response = client.post(f"/api/runs/drill/{run.pk}/{action}/")
    assert response.status_code == 200, response.content
    body: dict[str, Any] = response.json()
    return body


def test_a_run_is_paused_resumed_and_cancelled_within_two_seconds(
    business_a: Business, as_member_a: APIClient, files: Path
) -> None:
    run = long_run(business_a)
    with worker(files.parent, "drill"):
        until(lambda: read_run(run).processed >= 5)

        requested = request_action(as_member_a, run, "pause")
        assert requested["requested"] == "pause" or requested["status"] == "paused", (
            "the worker may have paused it already"
        )
        until(lambda: read_run(run).status == Status.PAUSED)
        paused = read_run(run)
        assert paused.requested == ""
        assert paused.processed <= requested["processed"] + WITHIN_STEPS

        request_action(as_member_a, run, "resume")
        until(lambda: read_run(run).processed > paused.processed)

        requested = request_action(as_member_a, run, "cancel")
        until(lambda: read_run(run).status == Status.CANCELLED)
    cancelled = read_run(run)
    assert paused.processed < cancelled.processed < STEPS
    assert cancelled.processed <= requested["processed"] + WITHIN_STEPS
    numbers = list(DrillStep.objects.filter(run=run).order_by("pk").values_list("number", flat=True))
    assert numbers == list(range(cancelled.processed)), "no step was lost or done twice"


@pytest.mark.parametrize(("action", "settled"), [("cancel", "cancelled"), ("pause", "paused")])
def test_a_stop_request_outlives_the_worker_that_got_it(
    business_a: Business, as_member_a: APIClient, files: Path, action: str, settled: str
) -> None:
    run = long_run(business_a)
    with worker(files.parent, "drill") as process:
        until(lambda: read_run(run).processed >= 5)
        kill(process)
    request_action(as_member_a, run, action)
    assert read_run(run).status == "running", "its heartbeat isn't older than the threshold yet"
    with worker(files.parent, "drill"):
        until(lambda: read_run(run).status == settled)
    assert read_run(run).attempt == 1
