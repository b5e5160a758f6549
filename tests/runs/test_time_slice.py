"""One huge run can't starve other businesses: after its slice it makes room where a run waits and no slot is free."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from runs.lifecycle.sweep import sweep
from runs.models import Business, Run
from runs.progress import Progress
from runs.states import StopRequest
from tests.actors import claim_counting, read_run, start_counting
from tests.claims import work_on
from tests.contract.models import CountingRun
from tests.fleet import announce

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _one_slot(db: None) -> None:
    announce("worker@test", CountingRun.queue, slots=1)


def served_for(run: Run, seconds: int) -> None:
    type(run).objects.filter(pk=run.pk).update(claimed_at=Now() - timedelta(seconds=seconds))


def requested(run: CountingRun) -> str:
    sweep()
    return read_run(run).requested


def test_a_run_past_its_slice_is_interrupted(business_a: Business, business_b: Business) -> None:
    huge = claim_counting(business_a)
    start_counting(business_b)
    assert requested(huge) == "", "its slice isn't over"
    served_for(huge, 11)
    assert requested(huge) == StopRequest.INTERRUPT


def test_where_a_slot_is_free_nobody_makes_room(business_a: Business, business_b: Business) -> None:
    announce("worker@another", CountingRun.queue, slots=1)
    huge = claim_counting(business_a)
    start_counting(business_b)
    served_for(huge, 3000)
    assert requested(huge) == ""


def test_where_no_run_waits_nobody_makes_room(business_a: Business) -> None:
    huge = claim_counting(business_a)
    served_for(huge, 3000)
    assert requested(huge) == ""


def test_a_slice_may_be_endless(business_a: Business, business_b: Business, settings: Settings) -> None:
    settings.RUNS_TIME_SLICE_SECONDS = settings.RUNS_SHORT_SLICE_SECONDS = None
    huge = claim_counting(business_a)
    start_counting(business_b)
    served_for(huge, 3000)
    assert requested(huge) == ""


@pytest.mark.parametrize("request_", [StopRequest.CANCEL, StopRequest.PAUSE])
def test_a_persons_stop_request_wins_over_an_interrupt(
    business_a: Business, business_b: Business, request_: StopRequest
) -> None:
    huge = claim_counting(business_a)
    start_counting(business_b)
    served_for(huge, 301)
    CountingRun.objects.all().request_stop(request_, actor=None)
    assert requested(huge) == request_
    CountingRun.objects.all().request_stop(StopRequest.INTERRUPT, actor=None)  # as a deploy does
    assert read_run(huge).requested == request_


def test_it_goes_to_the_end_of_the_queue_and_on_from_its_cursor(
    business_a: Business, settings: Settings, messages: list[tuple[str, Any]]
) -> None:
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0
    settings.RUNS_STALE_AFTER_SECONDS = 300
    run = start_counting(business_a)
    taken: list[int] = []

    def work(run: CountingRun, progress: Progress) -> None:
        first = run.cursor.get("number", 0)
        for number in progress.track(range(first, 10)):
            taken.append(number)
            progress.checkpoint(number=number + 1)
            if number == 3:
                CountingRun.objects.filter(pk=run.pk).request_stop(StopRequest.INTERRUPT, actor=None)

    messages.clear()
    work_on(run, work, task_id="first")
    between = read_run(run)
    assert (between.status, between.processed, between.cursor) == ("queued", 4, {"number": 4})
    assert messages == [("runs.work_on_queue", ["drill"])], "no sweep is needed to send it on"

    work_on(run, work, task_id="second")
    assert read_run(run).status == "completed"
    assert taken == list(range(10))
