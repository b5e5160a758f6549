"""What work code uses to report: count items, beat, set checkpoints, and stop when somebody requests it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from functools import partial
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.utils.translation import gettext

from ..database import is_outage, retry_while_database_is_away
from ..exceptions import ItemFailed, ItemTimedOut, RunDeferred, RunsError, RunStopped
from ..models import Run
from ..models.poison import POISON_CODE, POISON_MESSAGE
from ..states import ItemStatus, Status, StopRequest
from ..stored_text import explain_exception
from ..text import ERROR_LENGTH, clean
from .counts import Counts
from .cursor import Cursor
from .flush import FinalStatus, ProgressReport, flush, write_fenced
from .item_buffer import ItemBuffer
from .item_naming import KEY_LENGTH, ItemNaming, own_key
from .report_builder import ReportBuilder

logger = logging.getLogger(__name__)

T = TypeVar("T")
P = ParamSpec("P")

Write = Callable[[Run, ProgressReport, FinalStatus | None], str]  # writes a report, returns what has been requested
REASON_LENGTH = 200


class Progress:
    """What the work of one attempt reports with.

    Counts are collected here and written at most once a second. An item is counted, and a checkpoint set inside it
    takes effect, when the loop comes back for the next one. `RunStopped` is raised between items when a stop was
    requested; after `RunLost` nothing that the attempt reports is written any more.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._counts = Counts(run)
        self._cursor = Cursor(run, self._counts)
        self._items = ItemBuffer(run.item_model())
        self._naming = ItemNaming(run, self._counts)
        self._reports = ReportBuilder(run, self._counts, self._cursor, self._items, self._naming)

        self._is_tracking = False
        self._has_news = False  # has the open item more to be closed with than its count?
        self._item_deadline: float | None = None
        self._requested = ""
        self._postpones_interrupt = False
        self._write: Write = flush
        self._interval = settings.RUNS_FLUSH_INTERVAL_SECONDS
        self._due = time.monotonic() + self._interval

    # Counting

    def track(
        self,
        items: Iterable[T],
        total: int | None = None,
        *,
        key: Callable[[T], object] | None = None,
        durably: bool = False,
        weigh: Callable[[T], float] | None = None,
        weight: float = 0.0,
    ) -> Generator[T]:
        """Yield the items and count each one when its turn is over.

        `total` is how many `items` will yield; without it, and without a length, it is unknown.
        `key` names an item, as its report does; what `items` yields must be known before anything of it is fetched or
        opened, for an item that stops the worker twice is failed by its key and not yielded again (see `poison`).
        Numbers, texts and `RunItem`s need no `key`; other items without one can't be told apart, and a death among
        them counts as a loss.
        With `weigh` the bar and the time left go by what the items weigh, `weight` together, in any unit.
        `durably` writes after every item: a crash then repeats the open one at most, not the last second's.
        Raises `RunStopped` between items, `RunLost` when the run has been taken away.
        """
        if durably:
            self._interval = 0
            self._due = 0.0
        if total is None and isinstance(items, Sized):
            total = len(items)
        if total is not None:
            self._counts.expect_items(total)
        if weigh is not None:
            self._counts.weights.expect(weight)
            self._cursor.add_weight()
            self._reports.restart_count()
            items = self._weigh_each(items, weigh)
        key_of = own_key if key is None else lambda item: clean(key(item), KEY_LENGTH)
        items = self._naming.without_poison(items, key_of, self._fail_poison_item)
        return self._naming.watch_loop(self._loop_over(items, key_of))

    def _loop_over(self, items: Iterable[T], key_of: Callable[[T], str]) -> Generator[T]:
        self._is_tracking = True
        self._reports.begin_items()
        counts, clock = self._counts, time.monotonic
        before = counts.processed
        names_next = True  # is the next item named on the row before it begins?
        try:
            for item in items:
                if names_next and ((key := key_of(item)) or clock() >= self._due):
                    self._flush_between_items(key)
                yield item
                counts.processed += 1
                if self._has_news:
                    self._close_item()
                if names_next or clock() >= self._due:
                    # The flush that names an item also counts the one before it.
                    names_next = self._naming.names_next(self._due, self._reports.rate)
                    if not names_next:
                        self._flush_between_items("")
            if names_next and counts.processed > before:  # an empty loop has named nothing, and counted nothing
                self._flush_between_items("")
        except GeneratorExit:
            self._naming.left_inside = key_of(item)
            raise
        finally:
            self._is_tracking = False
            self._naming.open_item = ""  # a death that comes later doesn't happen in this item
            self._drop_item()

    def _flush_between_items(self, next_key: str) -> None:
        self._naming.open_item = next_key
        self.report()
        self._raise_if_requested()

    def _raise_if_requested(self) -> None:
        if self._requested and not (self._postpones_interrupt and self._requested == StopRequest.INTERRUPT):
            raise RunStopped(self._requested)

    @property
    def is_suspect(self) -> bool:
        """Is each item named, because the last attempt died? Then work on no other item while one is open."""
        return self._naming.is_suspect

    def _fail_poison_item(self, key: str) -> None:
        self.failed(key, gettext(POISON_MESSAGE), code=POISON_CODE)
        self._counts.processed += 1
        self._close_item()

    def _weigh_each(self, items: Iterable[T], weigh: Callable[[T], float]) -> Iterator[T]:
        for item in items:
            self._counts.weights.open_item(weigh(item))
            self._has_news = True
            yield item

    def inside(self, part: float) -> None:
        """Report how much of the open item is done, from 0 to 1. Beats like `beat()`.

        Raises `RunStopped` when a stop was requested: for an item that can be taken up in its middle. For one that
        can't see `postpone_interrupt`.
        """
        self._counts.weights.advance(part)
        self.beat()
        self._raise_if_requested()

    @contextmanager
    def postpone_interrupt(self) -> Iterator[None]:
        """Let an interrupt wait for the end of this block, which a new attempt would have to begin anew.

        Otherwise a run that makes room for others again and again would never get through the block. A cancel and a
        pause still stop it at once, and a deploy waits for no longer than `RUNS_SHUTDOWN_SECONDS`.
        """
        self._postpones_interrupt = True
        try:
            yield
        finally:
            self._postpones_interrupt = False

    def weigh(self, weight: float) -> None:
        """Correct what the open item weighs, once that is known better."""
        self._counts.weights.correct_open_item(weight)

    def note(self, **columns: Any) -> None:
        """Set columns of the run's own type, among its `public_fields`, with the next flush."""
        self._reports.notes.update(columns)

    @contextmanager
    def item(self, key: object, *, seconds: float | None = None, **fields: Any) -> Iterator[None]:
        """Report the item by what becomes of the block: an exception in it fails the item, not the run.

        Only what concerns the whole run gets out: the errors of `runs.exceptions` that end an attempt, and a database
        that is away. After `seconds` on the clock the next `beat()`, also that of a bounded child, raises
        `ItemTimedOut`: choose less than the run's threshold, so that a hung item is found before the run is stale.
        """
        self._item_deadline = seconds and time.monotonic() + seconds
        try:
            yield
        except ItemFailed as error:
            self.failed(key, error, code=error.code, **fields)
        except RunsError:
            raise
        except Exception as error:
            if is_outage(error):
                raise
            logger.exception("Item failed: type=%s id=%s item=%s", self.run.slug, self.run.pk, key)
            self.failed(key, explain_exception(error), code="unexpected", **fields)
        else:
            if not self._items.has_report:
                self.done(key, **fields)
        finally:
            self._item_deadline = None

    def done(self, key: object, **fields: Any) -> None:
        self._report_item(ItemStatus.DONE, key, "", "", fields)

    def skipped(self, key: object, reason: object = "", code: str = "", **fields: Any) -> None:
        self._report_item(ItemStatus.SKIPPED, key, reason, code, fields)

    def failed(self, key: object, error: object, code: str = "error", **fields: Any) -> None:
        self._report_item(ItemStatus.FAILED, key, error, code, fields)

    def remember(self, **values: Any) -> None:
        """Keep values in the cursor, whatever becomes of the open item; None forgets one."""
        self._cursor.remember(values)

    def checkpoint(self, cursor: Mapping[str, Any] | None = None, **values: Any) -> None:
        """Set where a new attempt would go on; merged into the cursor, which is stored as JSON."""
        self._cursor.set_pending({**(cursor or {}), **values})
        if self._is_tracking:
            self._has_news = True
        else:
            self._cursor.commit_pending()

    def start_over(self) -> None:
        """Drop the counts and the cursor: all is done again, as when a server has renumbered what it has.

        What has been shown is never taken back: the bar stays where it is until the new count has passed it.
        """
        self._counts.start_over()
        self._naming.restart_count()
        self._reports.start_over()
        self._cursor.commit({})
        self.report()

    def reload_counts(self) -> None:
        """Go on from the counters of the run's row: for work that goes on with the items that are pending there.

        Call it before the first item. The rows of items and these counters are always written together. The counts at
        the cursor may be older: a poison item has its row, but no checkpoint.
        """
        self._counts.reload_from(self.run)
        self._naming.restart_count()
        self._reports.restart_count()

    def _report_item(self, status: ItemStatus, key: object, message: object, code: str, fields: dict[str, Any]) -> None:
        self._has_news = True
        self._items.report(status, key, message, code, fields)

    def _close_item(self) -> None:
        self._counts.count_outcome(self._items.outcome)
        self._counts.weights.close_item()
        self._items.close_item()
        self._cursor.commit_pending()
        self._drop_item()

    def _drop_item(self) -> None:
        self._items.drop_item()
        self._cursor.drop_pending()
        self._counts.weights.drop_item()
        self._has_news = False

    # Being alive

    def beat(self) -> None:
        """Prove inside a long item that its code is alive. Cheap: writes once a second at most.

        Raises `ItemTimedOut` after the deadline of `item(key, seconds=…)`.
        """
        now = time.monotonic()
        if now >= self._due:
            self.report()
        if self._item_deadline is not None and now >= self._item_deadline:
            self._item_deadline = None  # the item's own cleanup may still beat
            raise ItemTimedOut

    @contextmanager
    def allow_silence(self, *, minutes: float) -> Iterator[None]:
        """Announce a step that truly can't beat. Bounded by `RUNS_MAX_SILENCE_SECONDS`."""
        self._reports.silence = min(minutes * 60, settings.RUNS_MAX_SILENCE_SECONDS)
        self.report()
        try:
            yield
        finally:
            self._reports.silence = None
        self.report()

    def wait(self, seconds: float, reason: object) -> None:
        """Wait for a provider's limit, beating; readers see until when, and why. For waits in a row see `Backoff`.

        More than `RUNS_MAX_WAIT_IN_SLOT_SECONDS` are waited in the queue, without a worker: `RunDeferred` ends the
        attempt, and the work is called again with its cursor.
        """
        if seconds > settings.RUNS_MAX_WAIT_IN_SLOT_SECONDS:
            raise RunDeferred(seconds, reason)
        until = time.monotonic() + seconds
        cleaned = clean(reason, REASON_LENGTH)
        try:
            while (left := until - time.monotonic()) > 0:
                self._reports.waiting = (left, cleaned)
                self.report()
                self._raise_if_requested()
                time.sleep(min(left, settings.RUNS_FLUSH_INTERVAL_SECONDS))
        finally:
            self._reports.waiting = (None, "")
        self.report()

    # For `Effects`, whose statement has the counters from the rows themselves

    @property
    def requested(self) -> str:
        """What had been requested of this attempt when it last wrote."""
        return self._requested

    def write_with(self, write: Write) -> None:
        """Flush by this function from now on."""
        self._write = write

    def count_item(self) -> None:
        self._counts.processed += 1

    # Writing

    def fenced(self, write: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `write` in one short transaction that commits only while this attempt owns the run.

        It is called again when the database went away meanwhile: it must be safe to repeat. Raises `RunLost` before it.
        """
        return retry_while_database_is_away(write_fenced, self.run, partial(write, *args, **kwargs))

    def dies_in_accused_item(self) -> bool:
        """Is an exception that escaped just now the second death in a row inside the same item?"""
        return self._naming.dies_in_accused_item()

    def leave(
        self,
        status: Status,
        error_code: str = "",
        error_message: object = "",
        *,
        died: bool = False,
        waiting: tuple[float | None, str] = (None, ""),
    ) -> None:
        """Flush for the last time, leaving the run in `status`; `died` by an exception. Raises `RunLost`.

        `waiting` is for how many seconds nobody may claim it from the queue, and why.
        """
        if status == Status.COMPLETED:
            self._counts.settle_total()
        self._reports.waiting = (waiting[0], clean(waiting[1], REASON_LENGTH))
        self._naming.open_item = ""
        died_in = self._naming.left_inside if died else None
        self.report(FinalStatus(status, error_code, clean(error_message, ERROR_LENGTH), died_in))

    def report(self, final_status: FinalStatus | None = None) -> None:
        """Write now; with a final status, for the last time."""
        report = self._reports.build(final_status)
        self._requested = retry_while_database_is_away(self._write, self.run, report, final_status)
        self._items.clear()
        self._naming.note_flush()
        self._reports.note_flush()
        self._due = time.monotonic() + self._interval
