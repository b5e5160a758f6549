"""G2, no zombies: an attempt that has lost its run can't write: no flush, no item, no effect, no final status.

The run is expired, reset or claimed again while its attempt is still alive.
"""

from collections.abc import Callable

import pytest

from runs.exceptions import RunLost
from runs.lifecycle import dispatch
from runs.lifecycle.reset import reset_progress
from runs.models import Business
from runs.models.audit import SYSTEM
from runs.progress import Progress
from runs.states import Status
from tests.actors import age_heartbeat, claim_counting, read_run, start_counting
from tests.claims import claim_run, work_on
from tests.contract.models import CountingEffect, CountingRun

pytestmark = pytest.mark.django_db(transaction=True)


def expire(run: CountingRun) -> None:
    age_heartbeat(run, 301)
    read_run(run)


def reset(run: CountingRun) -> None:
    reset_progress(run.business, actor=SYSTEM, reason="test")


def claim_again(run: CountingRun) -> None:
    expire(run)
    dispatch.reopen(read_run(run), SYSTEM, "retry")
    assert claim_run(run, worker="worker@other", task_id="other")


TAKEN_AWAY = pytest.mark.parametrize("take_away", [expire, reset, claim_again])


@TAKEN_AWAY
def test_a_zombies_flush_and_final_status_are_refused(
    business_a: Business, take_away: Callable[[CountingRun], None]
) -> None:
    run = claim_counting(business_a)
    progress = Progress(run)
    take_away(run)
    before = CountingRun.objects.filter(pk=run.pk).values().get()
    progress.checkpoint(next=99)
    with pytest.raises(RunLost), progress.allow_silence(minutes=1):
        pytest.fail("the flush before the silence should have been refused")
    with pytest.raises(RunLost):
        progress.leave(Status.COMPLETED)
    assert CountingRun.objects.filter(pk=run.pk).values().get() == before


@TAKEN_AWAY
def test_a_zombies_effect_and_item_are_refused(business_a: Business, take_away: Callable[[CountingRun], None]) -> None:
    run = claim_counting(business_a)
    progress = Progress(run)

    def finish_an_item_too_late() -> None:
        for item in progress.track(["a"], durably=True):
            progress.done(item)
            take_away(run)

    with pytest.raises(RunLost):
        finish_an_item_too_late()
    with pytest.raises(RunLost):
        progress.fenced(CountingEffect.objects.create, run=run, number=1)
    assert not run.effects.exists()
    assert not run.items.exists()


@TAKEN_AWAY
def test_the_worker_of_a_lost_run_ends_without_an_error(
    business_a: Business, take_away: Callable[[CountingRun], None]
) -> None:
    statuses: list[str] = []

    def work(run: CountingRun, progress: Progress) -> None:
        take_away(run)
        statuses.append(read_run(run).status)

    run = start_counting(business_a)
    work_on(run, work)
    assert [read_run(run).status] == statuses


def test_the_second_claim_of_a_run_is_refused(business_a: Business) -> None:
    run = claim_counting(business_a)
    assert claim_run(run, worker="second", task_id="late") is None
    run.refresh_from_db()
    assert (run.attempt, run.worker) == (1, "worker@test")
