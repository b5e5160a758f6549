"""What work code reports; and G4, never backwards: no count and no percentage that was shown decreases."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from django.db import OperationalError, transaction
from pytest_django import Settings

from runs.exceptions import ItemFailed, RunRejected, RunsError
from runs.lifecycle import dispatch
from runs.models import Business
from runs.models.audit import SYSTEM, Actor
from runs.progress.estimate import percent_of
from runs.progress.flush import flush
from runs.progress.progress import Progress
from runs.readers.verdict import eta_seconds
from runs.states import Status, StopRequest
from runs.text import ERROR_LENGTH, clean
from tests.actors import claim_counting, read_run, start_counting, work_through
from tests.contract.models import CountingRun

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def eager(settings: Settings) -> None:
    """Every item is flushed."""
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0


def counts(run: CountingRun) -> tuple[int | None, int, int, int, int]:
    return run.total, run.processed, run.succeeded, run.failed, run.skipped


def test_items_are_counted_by_their_outcome(business_a: Business) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        for number in progress.track(range(5)):
            if number == 1:
                progress.failed(number, "no good", code="bad")
            if number == 2:
                progress.skipped(number, "not wanted")
            if number == 3:
                with progress.item(number, title="three"):
                    raise ItemFailed("broken \x00 and \ud800 text", code="odd")

    run = work_through(start_counting(business_a), work)
    assert run.status == "completed"
    assert counts(run) == (5, 5, 2, 2, 1)
    assert run.progress_pct == 100
    items = run.items.order_by("key").values_list("key", "status", "error_code", "error_message")
    assert list(items) == [
        ("1", "failed", "bad", "no good"),
        ("2", "skipped", "", "not wanted"),
        ("3", "failed", "odd", "broken  and ? text"),
    ]
    assert run.items.get(key="3").title == "three"


def test_an_unknown_total_stays_unknown_until_the_end(business_a: Business, eager: None) -> None:
    shown: list[tuple[int | None, float | None]] = []

    def work(run: CountingRun, progress: Progress) -> None:
        for _ in progress.track(iter("abc")):
            shown.append((read_run(run).total, read_run(run).progress_pct))

    run = work_through(start_counting(business_a), work)
    assert shown == [(None, None)] * 3
    assert (run.total, run.progress_pct) == (3, 100)


def test_two_loops_in_a_row_add_up(business_a: Business) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        for _ in progress.track(range(3)):
            pass
        for _ in progress.track(range(4)):
            pass

    assert counts(work_through(start_counting(business_a), work))[:2] == (7, 7)


def test_a_flush_is_written_once_a_second_at_most(business_a: Business) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        for _ in progress.track(range(10_000)):
            progress.beat()

    began = time.monotonic()
    run = work_through(start_counting(business_a), work)
    elapsed = time.monotonic() - began
    assert run.version <= 5 + elapsed  # made, claimed, its first item named and finished, left


def test_a_loop_over_nothing_writes_nothing(business_a: Business) -> None:
    """As a sync of a mailbox without new mail."""

    def work(run: CountingRun, progress: Progress) -> None:
        for _ in progress.track([], durably=True):
            pass

    run = work_through(start_counting(business_a), work)
    assert (run.status, run.version, *counts(run)) == ("completed", 3, 0, 0, 0, 0, 0)  # made, claimed, left


def crash() -> None:
    raise MemoryError("killed here")


def test_a_crash_between_checkpoints_lowers_no_count_and_counts_no_item_twice(
    business_a: Business, eager: None
) -> None:
    shown: list[tuple[int, float | None]] = []

    def work(run: CountingRun, progress: Progress) -> None:
        first = run.cursor.get("next", 0)
        for number in progress.track(range(first, 100)):
            if number % 10 == 9:
                progress.checkpoint(next=number + 1)
            shown_run = read_run(run)
            shown.append((shown_run.processed, shown_run.progress_pct))
            if number == 57 and run.attempt == 1:
                crash()

    run = work_through(start_counting(business_a), work)
    assert (run.status, run.processed, run.cursor) == ("failed", 57, {"next": 50})
    assert run.error_code == "exception"
    dispatch.reopen(run, SYSTEM, "retry")
    run = work_through(run, work)
    assert (run.status, *counts(run)) == ("completed", 100, 100, 100, 0, 0)
    assert shown == sorted(shown)


def test_the_text_of_an_error_is_cut(business_a: Business) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        for number in progress.track([1]):
            progress.failed(number, "y" * 1_000_000)
        raise MemoryError("x" * 1_000_000)

    run = work_through(start_counting(business_a), work)
    assert len(run.error_message) == ERROR_LENGTH
    assert run.items.get().error_message == "y" * ERROR_LENGTH


def test_a_checkpoint_of_an_unfinished_item_is_not_taken(business_a: Business) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        for number in progress.track([1, 2]):
            progress.checkpoint(number=number)
            if number == 2:
                crash()

    run = work_through(start_counting(business_a), work)
    assert (run.cursor, run.processed) == ({"number": 1}, 1)


@pytest.mark.parametrize(
    ("request_", "status"),
    [(StopRequest.CANCEL, "cancelled"), (StopRequest.PAUSE, "paused"), (StopRequest.INTERRUPT, "queued")],
)
def test_a_stop_request_is_applied_between_items(
    business_a: Business, eager: None, request_: StopRequest, status: str
) -> None:
    done: list[int] = []

    def work(run: CountingRun, progress: Progress) -> None:
        for number in progress.track(range(10)):
            done.append(number)
            progress.checkpoint(number=number)
            if number == 3:
                CountingRun.objects.filter(pk=run.pk).request_stop(request_, actor=None)

    run = work_through(start_counting(business_a), work)
    assert (run.status, run.requested, run.processed) == (status, "", 4)
    assert done == [0, 1, 2, 3]
    assert run.cursor == {"number": 3}


def test_a_cancel_is_not_overwritten_by_a_pause(business_a: Business) -> None:
    run = claim_counting(business_a)
    run.cancel(Actor("person", "a"))
    assert not CountingRun.objects.filter(pk=run.pk).request_stop(StopRequest.PAUSE, actor=None)
    assert read_run(run).requested == "cancel"


def test_a_wrong_configuration_fails_the_run_with_its_own_message(business_a: Business) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        raise RunRejected("Wrong password.")

    run = work_through(start_counting(business_a), work)
    assert (run.status, run.error_code) == ("failed", "rejected")
    assert run.error_message == "Wrong password."


def test_waiting_for_a_provider_is_shown_and_beats(business_a: Business, eager: None) -> None:
    shown_runs: list[CountingRun] = []

    def work(run: CountingRun, progress: Progress) -> None:
        for _ in progress.track(watched(run, [1])):
            progress.wait(0.05, "their limit")

    def watched(run: CountingRun, items: list[int]) -> Iterator[int]:
        yield from items
        shown_runs.append(read_run(run))

    run = work_through(start_counting(business_a), work)
    assert run.status == "completed"
    assert run.waiting_until is None


def test_a_wait_leaves_the_rate_as_it_was_however_often_it_beats(business_a: Business, settings: Settings) -> None:
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0.001
    rates: list[float | None] = []

    def work(run: CountingRun, progress: Progress) -> None:
        for number in progress.track(range(9)):
            time.sleep(0.01)
            if number == 5:
                progress.report()
                rates.append(read_run(run).rate)
                progress.wait(0.5, "their limit")
                rates.append(read_run(run).rate)

    work_through(start_counting(business_a), work)
    before, after = rates
    assert before
    assert after
    assert after > before / 2


@pytest.mark.parametrize("eta", ["Infinity", "NaN"])
def test_a_row_with_an_estimate_that_is_no_number_is_shown_without_one(business_a: Business, eta: str) -> None:
    run = claim_counting(business_a)
    CountingRun.objects.filter(pk=run.pk).update(eta=float(eta))
    assert eta_seconds(read_run(run)) is None


def test_a_reason_to_wait_is_cut_to_its_column_and_forgotten_with_its_item(business_a: Business, eager: None) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        for number in progress.track(range(3)):
            with progress.item(f"7:{number}"):
                progress.wait(0.01, "The folder \x00" + "x" * 500 + " is away.")

    run = work_through(start_counting(business_a), work)
    assert (run.status, counts(run)) == ("completed", (3, 3, 3, 0, 0))


def test_progress_inside_a_transaction_is_refused(business_a: Business) -> None:
    progress = Progress(claim_counting(business_a))
    with transaction.atomic(), pytest.raises(RunsError, match="outside of transactions"):
        progress.leave(Status.COMPLETED)


def test_a_database_that_is_away_for_a_while_repeats_no_item(business_a: Business, eager: None) -> None:
    failures = iter([True, True])
    done: list[int] = []

    def flaky(*args: object) -> str:
        if next(failures, False):
            raise OperationalError("the database system is starting up")
        return flush(*args)  # type: ignore[arg-type]

    def work(run: CountingRun, progress: Progress) -> None:
        progress.write_with(flaky)
        for number in progress.track(range(3)):
            done.append(number)

    run = work_through(start_counting(business_a), work)
    assert (run.status, run.processed, done) == ("completed", 3, [0, 1, 2])
    assert next(failures, None) is None, "the failures were met"


@pytest.mark.parametrize(
    ("processed", "total", "expected"),
    [(0, None, None), (0, 0, None), (1, 3, 33.3), (999_999, 1_000_000, 99.9), (5, 4, 99.9)],
)
def test_percentages_are_rounded_down_and_reach_100_only_at_the_end(
    processed: int, total: int | None, expected: float | None
) -> None:
    assert percent_of(processed, total) == expected


def test_text_that_the_database_cant_store_is_cleaned() -> None:
    assert clean("a\x00b\udcffc", 3) == "ab?"


def test_starting_over_counts_anew_and_lowers_no_count(business_a: Business) -> None:
    shown: list[tuple[int, int | None]] = []

    def work(run: CountingRun, progress: Progress) -> None:
        for number in progress.track(range(3), total=4):
            progress.skipped(number)
            progress.checkpoint(uid=number)
        progress.start_over()
        assert read_run(run).cursor == {}
        for number in progress.track(range(10, 14), total=4):
            progress.report()
            shown.append((read_run(run).processed, read_run(run).total))
            progress.done(number)

    run = work_through(start_counting(business_a), work)
    assert shown == [(3, 4)] * 4
    assert (run.status, run.processed, run.total, run.succeeded, run.skipped) == ("completed", 4, 4, 4, 0)


def test_an_item_that_was_left_unfinished_is_not_accused_of_a_later_death(business_a: Business) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        with closing(progress.track(range(3))) as loop:
            assert next(loop) == 0
            progress.report()
            assert read_run(run).open_item == "0"
        progress.report()
        assert read_run(run).open_item == ""

    run = start_counting(business_a)
    CountingRun.objects.filter(pk=run.pk).update(suspect_mode=True)
    assert work_through(run, work).error_message == ""
