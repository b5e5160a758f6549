"""Waits: short ones are waited in the worker, long ones in the queue, and all attempts together give up in the end."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from runs.exceptions import RunDeferred, RunUnreachable
from runs.lifecycle import sweep
from runs.lifecycle.dispatch import end_waits
from runs.models import Business
from runs.models.audit import SYSTEM
from runs.models.queue_snapshot import fetch_to_claim
from runs.progress import Backoff, Progress
from runs.progress import backoff as backoff_module
from tests.actors import claim_counting, read_run, start_counting, work_through
from tests.contract.models import CountingRun
from tests.waits import is_waiting_in_queue, work_on_after_wait, work_on_until_it_ends

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stopped_clock")]

REASON = "The server is away"
LIMIT = 100.0  # seconds, after which the work below gives up


@pytest.fixture(autouse=True)
def _short_waits(settings: Settings) -> None:
    settings.RUNS_MAX_WAIT_IN_SLOT_SECONDS = 0.2
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0.02


def count_behind_a_wait(run: CountingRun, progress: Progress) -> None:
    """Ten numbers; the first attempt waits for a minute in the middle of the sixth."""
    for number in progress.track(range(run.cursor.get("next", 0), 10)):
        if number == 5 and run.attempt == 1:
            progress.wait(60, REASON)
        progress.done(number)
        progress.checkpoint(next=number + 1)


def wait_for_a_server(run: CountingRun, progress: Progress) -> None:
    """The server is away in each of the tries."""
    backoff = Backoff(progress, first=0.05)
    while True:
        if backoff.seconds >= LIMIT:
            backoff.end()
            raise RunUnreachable
        backoff.wait(backoff.next_pause(), REASON)


def cursor_of(run: CountingRun) -> object:
    return CountingRun.objects.values_list("cursor", flat=True).get(pk=run.pk)


def test_a_long_wait_gives_the_slot_back_and_the_next_attempt_goes_on_from_the_cursor(business_a: Business) -> None:
    run = work_through(start_counting(business_a), count_behind_a_wait)
    assert is_waiting_in_queue(run, REASON)
    assert run.wait_left == pytest.approx(60, abs=20)
    assert (run.processed, run.attempt, run.losses, run.accused_item) == (5, 1, 0, "")
    assert work_through(run, count_behind_a_wait).attempt == 1, "nobody claims it before its time"
    end = work_on_after_wait(run, count_behind_a_wait)
    assert (end.status, end.processed, end.attempt, end.losses) == ("completed", 10, 2, 0)
    assert {item.attempts for item in end.items.all()} == {1}


def test_its_timeline_says_what_it_waits_for(business_a: Business) -> None:
    run = work_through(start_counting(business_a), count_behind_a_wait)
    context = run.events.order_by("-pgh_id")[0].pgh_context
    assert (context["reason"], context["waits_for"], context["seconds"]) == ("deferred", REASON, 60)


def test_a_short_wait_stays_in_the_worker(business_a: Business) -> None:
    shown: list[CountingRun] = []

    def work(run: CountingRun, progress: Progress) -> None:
        for _number in progress.track(range(1)):
            progress.wait(0.1, REASON)
            shown.append(read_run(run))

    assert work_through(start_counting(business_a), work).status == "completed"
    assert [run.status for run in shown] == ["running"]


def test_a_cancel_ends_a_wait_in_the_queue_at_once(business_a: Business) -> None:
    run = work_through(start_counting(business_a), count_behind_a_wait)
    run.cancel(SYSTEM)
    assert (read_run(run).status, read_run(run).waiting_until) == ("cancelled", None)


def test_pauses_in_a_row_double_and_leave_the_worker_when_they_have_lasted_for_long(
    business_a: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff_module, "time", SimpleNamespace(monotonic=lambda: 0.0))  # the tries take no time
    progress = Progress(claim_counting(business_a))
    backoff, pauses = Backoff(progress, first=0.05), []

    def wait_on_and_on() -> None:
        while True:
            pauses.append(backoff.next_pause())
            backoff.wait(pauses[-1], REASON)

    with pytest.raises(RunDeferred) as deferred:
        wait_on_and_on()
    assert pauses == pytest.approx([0.05, 0.1, 0.2])
    assert (deferred.value.seconds, deferred.value.reason) == (pauses[-1], REASON)


def test_all_attempts_together_give_up_and_a_retry_waits_anew(business_a: Business) -> None:
    run = work_through(start_counting(business_a), wait_for_a_server)
    assert is_waiting_in_queue(run, REASON)
    first_wait = run.wait_left or 0
    run = work_on_after_wait(run, wait_for_a_server)
    assert is_waiting_in_queue(run, REASON)
    assert (run.wait_left or 0) > first_wait, "the next attempt goes on doubling, and waits no moment in its slot"
    run = work_on_until_it_ends(run, wait_for_a_server)
    assert (run.status, run.error_code, run.losses) == ("failed", "unreachable", 0)
    assert 5 < run.attempt < 15
    assert cursor_of(run) == {}


def test_a_server_that_answers_is_waited_for_in_full_the_next_time(business_a: Business) -> None:
    def answered_at_last(run: CountingRun, progress: Progress) -> None:
        backoff = Backoff(progress, first=60)
        if run.attempt == 2:
            backoff.end()
        backoff.wait(backoff.next_pause(), REASON)

    run = work_through(start_counting(business_a), answered_at_last)
    assert cursor_of(run) == {"unreachable_seconds": 60}
    run = work_on_after_wait(run, answered_at_last)
    assert cursor_of(run) == {"unreachable_seconds": 60}


def test_what_the_run_waits_for_besides_is_not_counted(business_a: Business) -> None:
    run = work_through(start_counting(business_a), wait_for_a_server)
    CountingRun.objects.filter(pk=run.pk).update(
        queued_at=Now() - timedelta(days=1), started_at=Now() - timedelta(days=1)
    )
    assert is_waiting_in_queue(work_on_after_wait(run, wait_for_a_server), REASON)


def test_what_is_remembered_outlives_an_open_item_and_its_checkpoint_does_not(business_a: Business) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        for number in progress.track([1, 2], total=2):
            progress.checkpoint(next=number)
            progress.remember(**{f"tries of {number}": 1})
            if number == 2:
                progress.wait(60, REASON)

    run = work_through(start_counting(business_a), work)
    assert cursor_of(run) == {"next": 1, "tries of 1": 1, "tries of 2": 1}
    assert run.cursor_counts["processed"] == 1


@pytest.mark.parametrize("is_woken", [False, True])
def test_a_wait_that_has_ended_was_no_time_in_which_no_worker_took_it(
    business_a: Business, settings: Settings, *, is_woken: bool
) -> None:
    settings.RUNS_QUEUE_TIMEOUT_SECONDS = 60
    run = work_through(start_counting(business_a), count_behind_a_wait)
    rows = CountingRun.objects.filter(pk=run.pk)
    rows.update(queued_at=Now() - timedelta(days=2))
    if is_woken:
        end_waits(rows)
    else:
        rows.update(waiting_until=Now() - timedelta(seconds=30))
        fetch_to_claim(CountingRun.queue)
    assert read_run(run).waiting_until is None
    sweep.fail_untaken(CountingRun)
    assert read_run(run).status == "queued"


def test_a_wait_in_the_queue_is_no_work(business_a: Business, settings: Settings) -> None:
    """It shows neither in the speed over time nor in the rate, which the time left is estimated by."""
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 10  # what an attempt does here is too short to be measured

    def rates_before_and_after(run: CountingRun, progress: Progress) -> None:
        for number in progress.track(range(run.cursor.get("next", 0), 200), total=200 - run.cursor.get("next", 0)):
            progress.checkpoint(next=number + 1)
            if number == 100 and run.attempt < 4:
                progress.wait(60, REASON)

    run = start_counting(business_a)
    CountingRun.objects.filter(pk=run.pk).update(pace=[[0, 0], [50, 100]], rate=2.0)
    for _attempt in range(3):
        run = work_on_after_wait(run, rates_before_and_after)
        CountingRun.objects.filter(pk=run.pk).update(
            started_at=Now() - timedelta(hours=1), queued_at=Now() - timedelta(hours=1)
        )
    assert is_waiting_in_queue(run, REASON)
    assert run.rate == pytest.approx(2.0)
    assert len(run.pace) <= 3, "attempts that finish nothing add no points"
    end = work_on_after_wait(run, rates_before_and_after)
    assert (end.status, end.processed) == ("completed", 200)
    assert end.pace[-1][0] < 60
