"""Cancel and pause reach a worker's run within two seconds of its item, and outlive the worker."""

from datetime import timedelta
from pathlib import Path

import pytest
from rest_framework.test import APIClient

from runs.drill.models import DrillRun, DrillStep
from runs.lifecycle import dispatch
from runs.models import Business
from runs.states import Status
from tests.actors import seen
from tests.workers import kill, until, worker

pytestmark = pytest.mark.django_db(transaction=True)

WITHIN = timedelta(seconds=2)


def long_run(business: Business) -> DrillRun:
    return dispatch.start(DrillRun, business, steps=400, step_seconds=0.05)


def ask(client: APIClient, run: DrillRun, action: str) -> dict[str, object]:
    answer = client.post(f"/api/runs/drill/{run.pk}/{action}/")
    assert answer.status_code == 200, answer.content
    told: dict[str, object] = answer.json()
    return told


def test_a_run_is_paused_resumed_and_cancelled_within_two_seconds(
    business_a: Business, as_member_a: APIClient, files: Path
) -> None:
    run = long_run(business_a)
    with worker(files.parent, "drill"):
        until(lambda: seen(run).processed >= 5)

        asked = ask(as_member_a, run, "pause")
        assert asked["requested"] == "pause" or asked["status"] == "paused", "the worker may have answered already"
        until(lambda: seen(run).status == Status.PAUSED, WITHIN.total_seconds())
        paused = seen(run)
        assert paused.requested == ""

        ask(as_member_a, run, "resume")
        until(lambda: seen(run).processed > paused.processed)

        ask(as_member_a, run, "cancel")
        until(lambda: seen(run).status == Status.CANCELLED, WITHIN.total_seconds())
    cancelled = seen(run)
    assert paused.processed < cancelled.processed < 400
    numbers = list(DrillStep.objects.filter(run=run).order_by("pk").values_list("number", flat=True))
    assert numbers == list(range(cancelled.processed)), "no step was lost or done twice on the way"


@pytest.mark.parametrize(("action", "settled"), [("cancel", "cancelled"), ("pause", "paused")])
def test_a_wish_outlives_the_worker_that_heard_it(
    business_a: Business, as_member_a: APIClient, files: Path, action: str, settled: str
) -> None:
    run = long_run(business_a)
    with worker(files.parent, "drill") as process:
        until(lambda: seen(run).processed >= 5)
        kill(process)
    ask(as_member_a, run, action)
    assert seen(run).status == "running", "nobody can know yet that its worker is dead"
    with worker(files.parent, "drill"):
        until(lambda: seen(run).status == settled)
    assert seen(run).attempt == 1
