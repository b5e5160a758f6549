"""G7, no item stops its run twice: its second death in a row fails it, and none is blamed for another's death."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import OperationalError, connection
from pytest_django import Settings

from runs.exceptions import RunRejected, RunUnreachable
from runs.lifecycle import dispatch
from runs.lifecycle.reset import reset_progress
from runs.models import Business
from runs.models.audit import SYSTEM
from runs.progress import Progress
from runs.states import StopRequest
from tests.actors import age_heartbeat, read_run, start_counting, work_through
from tests.contract.models import CountingRun

pytestmark = pytest.mark.django_db(transaction=True)

ITEMS = 20


class Killed(BaseException):
    """Stands in for the death of the process: no handler of the product catches it."""


class Deaths:
    """Work over items, some of which kill its process."""

    def __init__(self, *killers: int) -> None:
        self.killers = set(killers)
        self.begun: list[int] = []

    def __call__(self, run: CountingRun, progress: Progress) -> None:
        first = run.cursor.get("next", 0)
        for number in progress.track(range(first, ITEMS), key=lambda number: f"1:{number}"):
            self.begun.append(number)
            if number in self.killers:
                raise Killed
            progress.done(f"1:{number}")
            progress.checkpoint(next=number + 1)


def let_die(run: CountingRun, work: Callable[[CountingRun, Progress], None]) -> CountingRun:
    """One attempt in a child process that is killed; its parent reclaims the run."""
    with pytest.raises(Killed):
        work_through(run, work)
    CountingRun.objects.filter(pk=run.pk).reclaim()
    return read_run(run)


def go_stale(run: CountingRun, work: Callable[[CountingRun, Progress], None]) -> CountingRun:
    """One attempt that hangs until a reader expires it."""
    with pytest.raises(Killed):
        work_through(run, work)
    age_heartbeat(run, 301)
    return read_run(run)


def outcomes(run: CountingRun) -> dict[str, str]:
    return dict(run.items.exclude(status="done").values_list("key", "error_code"))


@pytest.mark.parametrize("killer", [0, 7, ITEMS - 1])
def test_an_item_that_kills_its_worker_is_failed_and_the_run_goes_on(business_a: Business, killer: int) -> None:
    run, work = start_counting(business_a), Deaths(killer)
    while read_run(run).status == "queued" and len(work.begun) < 200:
        if f"1:{killer}" in read_run(run).poison_items:
            work_through(run, work)
        else:
            let_die(run, work)
    end = read_run(run)
    assert (end.status, end.processed, end.succeeded, end.failed) == ("completed", ITEMS, ITEMS - 1, 1)
    assert outcomes(run) == {f"1:{killer}": "poison"}
    assert run.items.get(key=f"1:{killer}").error_message == "This item stopped the worker twice."
    assert work.begun.count(killer) <= 3, "once before suspect mode, and twice in it"


def test_a_named_item_needs_two_deaths_only(business_a: Business, settings: Settings) -> None:
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0  # items as slow as flushes are apart are named from the start
    run, work = start_counting(business_a), Deaths(7)
    let_die(run, work)
    assert read_run(run).accused_item == "1:7"
    assert let_die(run, work).poison_items == ["1:7"]
    assert work_through(run, work).status == "completed"
    assert work.begun.count(7) == 2


def test_two_killers_in_a_row_are_failed_each_for_itself(business_a: Business) -> None:
    run, work = start_counting(business_a), Deaths(7, 8)
    for _ in range(3):
        let_die(run, work)
    for _ in range(2):
        let_die(run, work)
    end = work_through(run, work)
    assert (end.status, end.failed, end.losses) == ("completed", 2, 0)
    assert outcomes(run) == {"1:7": "poison", "1:8": "poison"}


def test_deaths_recorded_with_an_item_are_no_losses(business_a: Business, settings: Settings) -> None:
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0
    settings.RUNS_MAX_LOSSES = 1
    run, work = start_counting(business_a), Deaths(7)
    let_die(run, work)
    assert read_run(run).status == "queued"
    let_die(run, work)
    assert work_through(run, work).status == "completed"


def test_deaths_in_different_items_are_losses_and_accuse_no_item(business_a: Business, settings: Settings) -> None:
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0
    run = start_counting(business_a)

    def work_without_checkpoints(dies_at: int) -> Callable[[CountingRun, Progress], None]:
        def work(run: CountingRun, progress: Progress) -> None:
            for number in progress.track(range(ITEMS)):
                if number == dies_at:
                    raise Killed

        return work

    for dies_at in (9, 5, 3, 5):  # each time before the furthest place: no progress is made between
        let_die(run, work_without_checkpoints(dies_at))
    end = read_run(run)
    assert (end.status, end.error_code, end.poison_items) == ("failed", "worker_lost", [])


def test_progress_between_two_deaths_clears_the_accusation(business_a: Business) -> None:
    run = start_counting(business_a)
    let_die(run, Deaths(7))
    let_die(run, Deaths(7))
    assert read_run(run).accused_item == "1:7"
    let_die(run, Deaths(12))  # the seventh was healthy after all
    assert (read_run(run).accused_item, read_run(run).poison_items) == ("1:12", [])
    end = work_through(run, Deaths())
    assert (end.status, end.succeeded) == ("completed", ITEMS)


def test_a_quick_item_before_the_one_that_kills_is_not_blamed(business_a: Business, settings: Settings) -> None:
    """Outside of suspect mode most items aren't named; what was named is cleared before the next begins."""
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 3600
    run = start_counting(business_a)
    let_die(run, Deaths(1))
    assert read_run(run).accused_item == ""
    assert (read_run(run).suspect_mode, read_run(run).losses) == (True, 1)


def test_suspect_mode_ends_well_past_the_place_of_the_death(business_a: Business, settings: Settings) -> None:
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0.05
    run = start_counting(business_a)
    let_die(run, Deaths(3))
    named: list[str] = []
    modes: list[bool] = []

    def work(run: CountingRun, progress: Progress) -> None:
        items = iter(range(100_000))
        for number in progress.track(items, total=100_000):
            if number % 100 == 0:
                row = CountingRun.objects.get(pk=run.pk)
                named.append(row.open_item)
                modes.append(row.suspect_mode)
            if modes and not modes[-1]:
                break

    work_through(run, work)
    assert named[0] == "0", "each item is named before it begins"
    assert modes[0]
    assert not modes[-1]


def test_poison_items_survive_a_retry_and_a_stale_run_waits_for_one(business_a: Business) -> None:
    run, work = start_counting(business_a), Deaths(7)
    stale = go_stale(run, work)
    for _ in range(2):
        assert (stale.status, stale.error_code) == ("failed", "stale")
        dispatch.reopen(stale, SYSTEM, "retried")
        if "1:7" not in read_run(run).poison_items:
            stale = go_stale(run, work)
    dispatch.reopen(read_run(run), SYSTEM, "retried")
    end = work_through(run, work)
    assert (end.status, end.failed, end.processed) == ("completed", 1, ITEMS)
    assert outcomes(run) == {"1:7": "poison"}


def raise_at(number: int) -> Callable[[CountingRun, Progress], None]:
    def work(run: CountingRun, progress: Progress) -> None:
        for item in progress.track(range(run.cursor.get("next", 0), ITEMS), key=lambda item: f"1:{item}"):
            if item == number:
                raise ZeroDivisionError("nothing to divide")
            progress.checkpoint(next=item + 1)

    return work


def test_an_exception_stops_its_run_once(business_a: Business) -> None:
    run = start_counting(business_a)
    failed = work_through(run, raise_at(7))
    assert (failed.status, failed.error_code, failed.accused_item) == ("failed", "exception", "1:7")
    dispatch.reopen(failed, SYSTEM, "retried")
    again = work_through(run, raise_at(7))
    assert (again.status, again.poison_items) == ("queued", ["1:7"]), "it goes on by itself"
    end = work_through(run, raise_at(7))
    assert (end.status, end.processed, end.failed) == ("completed", ITEMS, 1)
    assert outcomes(run) == {"1:7": "poison"}
    assert "ZeroDivisionError" in run.events.filter(status="queued").latest("pgh_id").pgh_context["traceback"]


def test_an_exception_is_recorded_whatever_its_text(business_a: Business) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        raise ValueError("no \x00 text")

    run = work_through(start_counting(business_a), work)
    assert (run.status, run.error_code) == ("failed", "exception")
    assert "ValueError" in run.events.filter(status="failed").latest("pgh_id").pgh_context["traceback"]


def test_an_exception_is_recorded_though_a_variable_refers_to_the_loop(business_a: Business) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        loop = progress.track(range(ITEMS))
        for number in loop:
            if number == 7:
                raise ZeroDivisionError

    assert work_through(start_counting(business_a), work).accused_item == "7"


def test_an_exception_outside_of_items_accuses_no_item(business_a: Business) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        for number in progress.track(range(ITEMS)):
            if number == 7:
                break
        progress.checkpoint(next=7)
        progress.report()
        raise ZeroDivisionError

    run = start_counting(business_a)
    for _ in range(3):
        failed = work_through(run, work)
        assert (failed.status, failed.error_code, failed.accused_item) == ("failed", "exception", "")
        dispatch.reopen(failed, SYSTEM, "retried")


def test_a_warm_shutdown_is_no_death(business_a: Business, settings: Settings) -> None:
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0
    run, work = start_counting(business_a), Deaths(7)
    for _ in range(4):
        with pytest.raises(Killed):
            work_through(run, work)
        CountingRun.objects.filter(pk=run.pk).reclaim(is_death=False)
    left = read_run(run)
    assert (left.status, left.losses, left.accused_item, left.poison_items) == ("queued", 0, "", [])
    assert (left.open_item, left.suspect_mode) == ("", False)


def test_a_stop_between_items_accuses_no_item(business_a: Business) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        for number in progress.track(range(ITEMS), durably=True):
            if number == 3:
                CountingRun.objects.filter(pk=run.pk).request_stop(StopRequest.PAUSE, actor=None)

    paused = work_through(start_counting(business_a), work)
    assert (paused.status, paused.processed, paused.open_item, paused.accused_item) == ("paused", 4, "", "")


def test_a_reset_accuses_no_item(business_a: Business, settings: Settings) -> None:
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0
    run = start_counting(business_a)
    with pytest.raises(Killed):
        work_through(run, Deaths(7))
    reset_progress(run.business, actor=SYSTEM)
    assert (read_run(run).status, read_run(run).accused_item) == ("failed", "")


def test_items_that_have_no_key_are_not_blamed(business_a: Business, settings: Settings) -> None:
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0

    def work(run: CountingRun, progress: Progress) -> None:
        for _ in progress.track([object()] * ITEMS):
            raise Killed

    run = start_counting(business_a)
    for losses in (1, 2):
        assert let_die(run, work).losses == losses
    assert let_die(run, work).error_code == "worker_lost"


# One item


def store_too_much() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 'x'::varchar(1) || repeat('y', 10), 1 / 0")


@pytest.mark.parametrize("escape", [store_too_much, lambda: [].pop(), lambda: "\ud800".encode()])
def test_an_exception_inside_an_item_fails_that_item_only(business_a: Business, escape: Callable[[], object]) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        for number in progress.track(range(ITEMS)):
            with progress.item(number, title=f"number {number}"):
                if number == 7:
                    escape()

    end = work_through(start_counting(business_a), work)
    assert (end.status, end.failed, end.succeeded) == ("completed", 1, ITEMS - 1)
    item = end.items.get(status="failed")
    assert (item.key, item.error_code, item.title) == ("7", "unexpected", "number 7")
    assert item.error_message.startswith("The program failed: ")


@pytest.mark.parametrize(
    ("error", "code"), [(RunRejected("wrong password"), "rejected"), (RunUnreachable("gone"), "unreachable")]
)
def test_an_error_of_the_whole_run_fails_no_item(business_a: Business, error: Exception, code: str) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        for number in progress.track(range(ITEMS)):
            with progress.item(number):
                raise error

    end = work_through(start_counting(business_a), work)
    assert (end.status, end.error_code, end.error_message) == ("failed", code, str(error))
    assert end.events.latest("pgh_id").pgh_context["reason"] == code


def test_an_outage_of_the_database_fails_no_item(business_a: Business) -> None:
    escaped: list[BaseException] = []

    def work(run: CountingRun, progress: Progress) -> None:
        for number in progress.track(range(1)):
            try:
                with progress.item(number):
                    raise OperationalError("the connection is closed")
            except OperationalError as error:
                escaped.append(error)

    work_through(start_counting(business_a), work)
    assert len(escaped) == 1


def test_an_item_that_beats_beyond_its_deadline_is_failed(business_a: Business) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        for number in progress.track(range(3)):
            with progress.item(number, seconds=0.05 if number == 1 else 60):
                while number == 1:
                    progress.beat()

    end = work_through(start_counting(business_a), work)
    assert (end.status, end.failed, end.succeeded) == ("completed", 1, 2)
    assert end.items.get(status="failed").error_code == "timeout"
