"""Items of different size: the bar and the time left go by what they weigh, and never backwards."""

from __future__ import annotations

import time

import pytest
from pytest_django import Settings

from recordings.models import RecordingRun
from runs.exceptions import RunsError
from runs.lifecycle import dispatch
from runs.models import Business
from runs.models.audit import SYSTEM
from runs.progress import Progress
from runs.readers.verdict import eta_seconds
from runs.states import StopRequest
from tests.actors import read_run, start_counting, work_through
from tests.contract.models import CountingRun
from tests.telephony import twilio_source

pytestmark = pytest.mark.django_db(transaction=True)

SHORT, LONG = 1.0, 97.0  # three short ones and a long one: a hundred together


@pytest.fixture(autouse=True)
def eager(settings: Settings) -> None:
    """Every item is flushed."""
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0


def test_the_bar_goes_by_weight_and_the_count_by_items(business_a: Business) -> None:
    shown: list[tuple[int, float | None]] = []

    def work(run: CountingRun, progress: Progress) -> None:
        items = [SHORT, SHORT, LONG, SHORT]
        for weight in progress.track(items, weigh=lambda weight: weight, weight=sum(items)):
            shown_run = read_run(run)
            shown.append((shown_run.processed, shown_run.progress_pct))
            if weight == LONG:
                progress.inside(0.5)
                shown.append((read_run(run).processed, read_run(run).progress_pct))

    run = work_through(start_counting(business_a), work)
    assert shown == [(0, 0.0), (1, 1.0), (2, 2.0), (2, 50.5), (3, 99.0)]
    assert (run.progress_pct, run.processed, run.total) == (100, 4, 4)


def test_finished_weight_counts_after_a_resume_and_the_bar_is_never_lower(business_a: Business) -> None:
    shown: list[float] = []

    def work(run: CountingRun, progress: Progress) -> None:
        items = [40.0, 10.0, 30.0, 20.0][run.cursor.get("next", 0) :]
        for weight in progress.track(items, weigh=lambda weight: weight, weight=sum(items)):
            for part in (0.25, 0.5, 0.75):
                progress.inside(part)
                shown.append(read_run(run).progress_pct or 0)
            if weight == 30.0 and run.attempt == 1:
                raise MemoryError("killed here")
            progress.checkpoint(next=run.cursor.get("next", 0) + len(items) - items[::-1].index(weight))

    run = work_through(start_counting(business_a), work)
    assert (run.status, run.progress_pct, run.cursor) == ("failed", 72.5, {"next": 2})
    dispatch.reopen(run, SYSTEM, "retry")
    run = work_through(run, work)
    assert (run.status, run.processed, run.progress_pct) == ("completed", 4, 100)
    assert shown == sorted(shown)
    assert shown[-3:] == [85.0, 90.0, 95.0]


def test_the_time_left_goes_by_weight(business_a: Business, settings: Settings) -> None:
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0.05
    etas: list[float] = []
    elapsed: list[float] = []

    def work(run: CountingRun, progress: Progress) -> None:
        items = [SHORT, SHORT, LONG, SHORT]
        for weight in progress.track(items, weigh=lambda weight: weight, weight=sum(items)):
            if weight == LONG:
                began_long = time.monotonic()
                for percent in range(1, 100):
                    began = time.monotonic()
                    while time.monotonic() < began + 0.02:  # steady work: 97 in two seconds
                        progress.inside(percent / 100)
                    etas.append(read_run(run).eta or -1)
                    elapsed.append(time.monotonic() - began_long)

    work_through(start_counting(business_a), work)
    middle = etas[50]
    assert elapsed[50] / 4 < middle < elapsed[50] * 4, "about as long again; by the count of items it would be for ever"
    assert etas[-1] < middle


def test_a_long_item_that_moves_is_advancing(business_a: Business) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        for _ in progress.track([LONG], weigh=lambda weight: weight, weight=LONG):
            before = read_run(run).progress_at
            progress.inside(0.1)
            moved = read_run(run).progress_at
            progress.beat()
            assert before
            assert moved
            assert before < moved == read_run(run).progress_at

    assert work_through(start_counting(business_a), work).status == "completed"


def test_a_new_attempt_has_not_advanced_before_it_has_worked(business_a: Business) -> None:
    """Or a run that makes room would be asked to do so again before it has finished anything."""
    advanced: list[bool] = []

    def work(run: CountingRun, progress: Progress) -> None:
        for weight in progress.track([40.0, 60.0][run.cursor.get("next", 0) :], weigh=lambda one: one, weight=100.0):
            if weight == 60.0:
                progress.report()
                row = read_run(run)
                advanced.append(row.progress_at != row.claimed_at)
                if run.attempt == 1:
                    raise MemoryError("killed here")
            progress.checkpoint(next=1)

    run = work_through(start_counting(business_a), work)
    dispatch.reopen(run, SYSTEM, "retry")
    assert work_through(run, work).status == "completed"
    assert advanced == [True, False]


@pytest.mark.parametrize("request_", [StopRequest.PAUSE, StopRequest.INTERRUPT])
def test_a_stop_request_is_applied_in_the_middle_of_a_long_item(business_a: Business, request_: StopRequest) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        for _ in progress.track([100.0], weigh=lambda weight: weight, weight=100.0):
            CountingRun.objects.filter(pk=run.pk).request_stop(request_, actor=None)
            progress.inside(0.5)
            pytest.fail("went on")

    run = work_through(start_counting(business_a), work)
    stopped = {StopRequest.PAUSE: "paused", StopRequest.INTERRUPT: "queued"}
    assert (run.status, run.processed, run.progress_pct) == (stopped[request_], 0, 50.0)


@pytest.mark.parametrize(
    ("request_", "end"),
    [
        (StopRequest.CANCEL, ("cancelled", 0, 25.0)),
        (StopRequest.PAUSE, ("paused", 0, 25.0)),
        (StopRequest.INTERRUPT, ("queued", 0, 75.0)),
    ],
)
def test_only_an_interrupt_is_postponed(
    business_a: Business, request_: StopRequest, end: tuple[str, int, float]
) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        for _ in progress.track([100.0], weigh=lambda weight: weight, weight=100.0):
            with progress.postpone_interrupt():
                CountingRun.objects.filter(pk=run.pk).request_stop(request_, actor=None)
                progress.inside(0.25)
                progress.wait(0.01, "a server")
                progress.inside(0.5)
            progress.inside(0.75)
            pytest.fail("went on")

    run = work_through(start_counting(business_a), work)
    assert (run.status, run.processed, run.progress_pct) == end


def test_a_weight_can_be_corrected_once_it_is_known(business_a: Business) -> None:
    shown: list[float | None] = []

    def work(run: CountingRun, progress: Progress) -> None:
        for number in progress.track([1, 2], weigh=lambda number: 10.0, weight=20.0):
            if number == 1:
                progress.weigh(30.0)
            progress.inside(0.5)
            shown.append(read_run(run).progress_pct)

    work_through(start_counting(business_a), work)
    assert shown == [37.5, 87.5]


def test_without_weights_the_bar_goes_by_items(business_a: Business) -> None:
    shown: list[float | None] = []

    def work(run: CountingRun, progress: Progress) -> None:
        for _ in progress.track([1, 2, 3, 4], weigh=lambda _: 0.0):
            progress.beat()
            shown.append(read_run(run).progress_pct)

    work_through(start_counting(business_a), work)
    assert shown == [0.0, 25.0, 50.0, 75.0]


# Notes


def test_notes_are_columns_of_the_type_and_are_written_by_the_flush(business_a: Business) -> None:
    shown: list[tuple[str, float | None]] = []

    def work(run: RecordingRun, progress: Progress) -> None:
        for number in progress.track([1, 2]):
            progress.note(current=f"call {number}", current_pct=10.0 * number)
            progress.beat()
            shown.append((read_run(run).current, read_run(run).current_pct))

    run = dispatch.start(RecordingRun, business_a, source=twilio_source(business_a))
    work_through(run, work)
    assert shown == [("call 1", 10.0), ("call 2", 20.0)]


@pytest.mark.parametrize("column", ["status", "attempt", "selected", "nonsense"])
def test_no_other_column_can_be_noted(business_a: Business, column: str) -> None:
    def work(run: RecordingRun, progress: Progress) -> None:
        progress.note(**{column: "x"})
        progress.beat()

    run = dispatch.start(RecordingRun, business_a, source=twilio_source(business_a))
    with pytest.raises(RunsError, match="public fields"):
        work_through(run, work)


def test_the_time_left_runs_down_by_the_databases_clock(business_a: Business) -> None:
    run = read_run(start_counting(business_a))
    run.status, run.eta, run.heartbeat_age, run.wait_left = "running", 30.0, 12.0, None
    assert eta_seconds(run) == 18
    run.heartbeat_age = 100.0
    assert eta_seconds(run) == 0
    run.wait_left = 20.0
    assert eta_seconds(run) == 20
    run.eta = None
    assert eta_seconds(run) is None


def test_a_new_attempt_shows_no_share_of_the_count_before_it_knows_the_weights(business_a: Business) -> None:
    """One of two calls was known already: 50 % of the items, and hardly anything of the work."""

    def work(run: CountingRun, progress: Progress) -> None:
        with progress.allow_silence(minutes=1):
            shown.append(read_run(run).progress_pct)
        for weight in progress.track([0.0, 100.0][run.cursor.get("next", 0) :], weigh=lambda one: one, weight=100.0):
            if weight:
                progress.inside(0.2)
                shown.append(read_run(run).progress_pct)
                if run.attempt == 1:
                    raise MemoryError("killed here")
            progress.checkpoint(next=1)

    shown: list[float | None] = []
    run = work_through(start_counting(business_a), work)
    dispatch.reopen(run, SYSTEM, "retry")
    work_through(run, work)
    assert shown == [None, 20.0, 20.0, 20.0]


def test_progress_inside_an_item_clears_losses_and_the_accusation(business_a: Business) -> None:
    """An hour-long call that moves on in every attempt isn't what kills the workers."""

    def work(run: CountingRun, progress: Progress) -> None:
        for _ in progress.track(["call"], weigh=lambda call: 100.0, weight=100.0):
            for reached in range(run.attempt * 10):
                progress.inside(reached / 100)
            progress.report()
            raise KeyboardInterrupt

    run = start_counting(business_a)
    for _ in range(6):
        with pytest.raises(KeyboardInterrupt):
            work_through(run, work)
        CountingRun.objects.filter(pk=run.pk).reclaim()
    left = read_run(run)
    assert (left.status, left.losses, left.poison_items) == ("queued", 0, [])


def test_an_item_that_dies_at_the_same_part_each_time_is_poison(business_a: Business) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        for _ in progress.track(["call"], weigh=lambda call: 100.0, weight=100.0):
            progress.inside(0.3 + run.attempt / 1000)  # a little further each time is no progress
            progress.report()
            raise KeyboardInterrupt

    run = start_counting(business_a)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            work_through(run, work)
        CountingRun.objects.filter(pk=run.pk).reclaim()
    assert read_run(run).poison_items == ["call"]
