"""One huge run can't starve other businesses: after its slice it makes room, if anybody waits."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from runs.lifecycle.sweep import sweep
from runs.lifecycle.worker import execute
from runs.models import Business, Run
from runs.progress import Progress
from runs.states import StopRequest
from tests.actors import claim_counting, read_run, start_counting
from tests.contract.models import CountingRun

pytestmark = pytest.mark.django_db(transaction=True)


def served_for(run: Run, seconds: int) -> None:
    type(run).objects.filter(pk=run.pk).update(claimed_at=Now() - timedelta(seconds=seconds))


def requested(run: CountingRun) -> str:
    sweep()
    return read_run(run).requested


def test_a_run_past_its_slice_is_asked_to_make_room(business_a: Business, business_b: Business) -> None:
    huge = claim_counting(business_a)
    start_counting(business_b)
    assert requested(huge) == "", "its slice isn't over"
    served_for(huge, 301)
    assert requested(huge) == StopRequest.INTERRUPT


def test_nobody_waits_nobody_is_asked(business_a: Business) -> None:
    huge = claim_counting(business_a)
    served_for(huge, 3000)
    assert requested(huge) == ""


def test_a_slice_may_be_endless(business_a: Business, business_b: Business, settings: Settings) -> None:
    settings.RUNS_TIME_SLICE_SECONDS = None
    huge = claim_counting(business_a)
    start_counting(business_b)
    served_for(huge, 3000)
    assert requested(huge) == ""


@pytest.mark.parametrize("wish", [StopRequest.CANCEL, StopRequest.PAUSE])
def test_a_persons_wish_is_stronger(business_a: Business, business_b: Business, wish: StopRequest) -> None:
    huge = claim_counting(business_a)
    start_counting(business_b)
    served_for(huge, 301)
    CountingRun.objects.all().request_stop(wish)
    assert requested(huge) == wish
    CountingRun.objects.all().request_stop(StopRequest.INTERRUPT)  # as a deploy does
    assert read_run(huge).requested == wish


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
                CountingRun.objects.filter(pk=run.pk).request_stop(StopRequest.INTERRUPT)

    messages.clear()
    execute(CountingRun, work, run.pk, worker="worker@test", task_id="first")
    between = read_run(run)
    assert (between.status, between.processed, between.cursor) == ("queued", 4, {"number": 4})
    assert messages == [("runs.counting", [run.pk])], "no sweep is needed to send it on"

    execute(CountingRun, work, run.pk, worker="worker@test", task_id="second")
    assert read_run(run).status == "completed"
    assert taken == list(range(10))
