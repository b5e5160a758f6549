"""G7 with real processes: a step that kills its process costs the run two attempts, and needs no person."""

from __future__ import annotations

from pathlib import Path

import pytest

from runs.drill.models import DrillRun, DrillStep
from runs.lifecycle import dispatch
from runs.models import Business
from runs.models.audit import SYSTEM
from tests.actors import read_run
from tests.workers import until, worker

pytestmark = pytest.mark.django_db(transaction=True)

STEPS, POISON = 12, 6


def test_a_poison_step_fails_and_the_run_goes_on_after_it(business_a: Business, files: Path) -> None:
    def start(death: DrillRun.Death) -> DrillRun:
        return dispatch.start(
            DrillRun, business_a, steps=STEPS, step_seconds=0.05, death=death, dies_at=POISON, dies_again=True
        )

    with worker(files.parent, "drill", slots=2):
        killing, raising = start(DrillRun.Death.KILLED), start(DrillRun.Death.RAISED)
        until(lambda: not read_run(killing).is_active)
        until(lambda: read_run(raising).status == "failed")
        assert read_run(raising).error_code == "exception"
        dispatch.reopen(read_run(raising), SYSTEM, "retried")
        until(lambda: not read_run(raising).is_active)

    for run in (killing, raising):
        end = read_run(run)
        assert (end.status, end.processed, end.succeeded, end.failed) == ("completed", STEPS, STEPS - 1, 1)
        assert (end.poison_items, end.attempt, end.losses) == ([str(POISON)], 3, 0)
        numbers = DrillStep.objects.filter(run=run).order_by("number").values_list("number", flat=True)
        assert list(numbers) == [number for number in range(STEPS) if number != POISON]
