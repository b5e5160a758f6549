"""A process that dies during its claim: the database may commit the claim after its client's death was handled."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from celery.exceptions import WorkerLostError

from runs.lifecycle import reclaim
from runs.models import Business
from tests.actors import read_run, start_counting
from tests.claims import claim_run

pytestmark = pytest.mark.django_db(transaction=True)

TASK = "the task that died"


@pytest.fixture(autouse=True)
def recheck_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reclaim, "LATE_CLAIM_SECONDS", 0.0)


def lose_process() -> None:
    reclaim.reclaim_from_lost_process(TASK, WorkerLostError())


def test_a_claim_that_is_committed_late_is_reclaimed(business_a: Business) -> None:
    run = start_counting(business_a)
    lose_process()
    claim_run(run, task_id=TASK)
    reclaim.recheck_lost_tasks()
    assert read_run(run).status == "queued"
    assert not reclaim.lost_tasks


def test_a_run_that_another_has_claimed_since_stays_with_it(business_a: Business) -> None:
    run = start_counting(business_a)
    lose_process()
    claim_run(run, task_id="another task")
    reclaim.recheck_lost_tasks()
    assert read_run(run).status == "running"


def test_the_workers_loop_rechecks_lost_tasks() -> None:
    called: list[object] = []
    hub = SimpleNamespace(call_repeatedly=lambda seconds, function: called.append(function))
    reclaim.watch_children(sender=SimpleNamespace(hub=hub, pool=SimpleNamespace(maintain_pool=None)))
    assert reclaim.recheck_lost_tasks in called
