"""What work code uses to report: count, beat, checkpoint, and hear what is asked of it."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext

from ..database import is_outage, retry_while_database_is_away
from ..exceptions import ItemFailed, ItemTimedOut, RunsError, RunStopped
from ..models import Run, RunItem
from ..models.poison import POISON_CODE, POISON_MESSAGE
from ..states import ItemStatus, Status
from ..text import clean
from .estimate import Estimator, percent
from .flush import FinalStatus, ProgressReport, flush, lock_attempt
from .item_buffer import ItemBuffer
from .suspect_mode import SuspectMode
from .throughput import ThroughputHistory
from .weights import Weights

logger = logging.getLogger(__name__)

T = TypeVar("T")
P = ParamSpec("P")

Write = Callable[[Run, ProgressReport, FinalStatus | None], str]  # of a report; answers what is requested
REASON_LENGTH = 200
KEY_LENGTH = 200


class Progress:
    """The voice of one attempt of one run.

    Counts are kept here and written at most once a second. An item is counted, and a checkpoint
    given inside it takes effect, when the loop comes back for the next one. After `RunLost` the
    attempt has nothing more to say; `RunStopped` is raised between items when somebody asked.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self._cursor: dict[str, Any] = run.cursor
        self._cursor_counts: dict[str, Any] = run.cursor_counts
        # Work redone after the last checkpoint is counted again from the cursor, but what has been
        # shown once is never taken back: the floor holds until the recount has passed it.
        self._floor = {name: getattr(run, name) for name in ("processed", "failed", "skipped")}
        self._processed = run.cursor_counts.get("processed", 0)
        self._failed = run.cursor_counts.get("failed", 0)
        self._skipped = run.cursor_counts.get("skipped", 0)
        self._total = run.total
        self._weights = Weights(float(run.cursor_counts.get("weight", 0.0)), "weight" in run.cursor_counts)
        self._notes: dict[str, Any] = {}
        self._pace = ThroughputHistory(run.pace)
        self._began_after = _seconds_between(run.started_at, run.claimed_at)

        # See `poison`. Named is the item whose key stands on the row while it is open.
        self._suspect = SuspectMode(run) if run.suspect_mode else None
        self._accused = run.accused_item
        self._furthest = run.furthest
        self._named = ""
        self._open_loop: Callable[[], Generator[Any] | None] = lambda: None
        self._left_inside = ""  # the item in whose middle the loop was left, by an exception or a break

        self._tracking = False
        self._item_deadline: float | None = None
        self._noted = False  # has the open item said anything?
        self._items = ItemBuffer(run.item_model())
        self._open_cursor: dict[str, Any] | None = None

        self._silence: float | None = None
        self._waiting: tuple[float | None, str] = (None, "")
        self._requested = ""
        self._write: Write = flush
        self._interval = settings.RUNS_FLUSH_INTERVAL_SECONDS
        self._flushed_done: float = self._processed
        self._flushed_processed = self._processed
        self._estimator = Estimator(run.rate, self._processed, self._weights.done)
        self._began_at = time.monotonic()
        self._due = self._began_at + self._interval

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
            self._total = self._processed + total
        if weigh is not None:
            self._weights.expect(weight)
            items = self._weighed(items, weigh)
            # Until a new attempt knows the weights again, it must not show a share of the count in their place.
            self._cursor_counts = {**self._cursor_counts, "weight": self._weights.done}
        key_of = own_key if key is None else lambda item: clean(key(item), KEY_LENGTH)
        if self.run.poison_items:
            items = self._without_poison(items, key_of)
        self._left_inside = ""
        loop = self._loop_over(items, key_of)
        self._open_loop = weakref.ref(loop)
        return loop

    def _loop_over(self, items: Iterable[T], key_of: Callable[[T], str]) -> Generator[T]:
        self._tracking = True
        clock = time.monotonic
        names = True  # is the next item named on the row before it begins?
        try:
            for item in items:
                if names:
                    self._name_item(key_of(item))
                yield item
                self._processed += 1
                if self._noted:
                    self._close_item()
                if names or clock() >= self._due:
                    names = self._between_items()
            if names:
                self._flush_between_items("")
        except GeneratorExit:
            self._left_inside = key_of(item)
            raise
        finally:
            self._tracking = False
            self._named = ""  # left in its middle, it isn't what a later death happens in
            self._drop_item()

    def _name_item(self, key: str) -> None:
        """Write which item begins, together with the count of those before it."""
        if key or time.monotonic() >= self._due:
            self._flush_between_items(key)

    def _between_items(self) -> bool:
        """Flush, or leave that to the naming of the next item: is it to be named?

        In suspect mode each one is. Otherwise those that come after a slow one: both flushes are due anyway.
        """
        names_next = self._is_still_suspect() or self._was_slow()
        if not names_next:
            self._flush_between_items("")
        return names_next

    def _flush_between_items(self, next_key: str) -> None:
        self._named = next_key
        self._flush()
        if self._requested:
            raise RunStopped(self._requested)

    @property
    def is_suspect(self) -> bool:
        """Is each item named, because the last attempt died? Then work on no other item while one is open."""
        return self._suspect is not None

    def _is_still_suspect(self) -> bool:
        if self._suspect and self._suspect.is_over(self._processed, self._estimator.rate):
            self._suspect = None
        return self._suspect is not None

    def _was_slow(self) -> bool:
        """Did the last item take as long as flushes are apart?"""
        return self._processed - self._flushed_processed <= 1 and time.monotonic() >= self._due

    def _without_poison(self, items: Iterable[T], key_of: Callable[[T], str]) -> Iterator[T]:
        """Fail the poison items, each in its turn, and yield the others."""
        poison = frozenset(self.run.poison_items)
        for item in items:
            key = key_of(item)
            if key not in poison:
                yield item
                continue
            logger.warning("Poison item: type=%s id=%s item=%s", self.run.slug, self.run.pk, key)
            self.failed(key, gettext(POISON_MESSAGE), code=POISON_CODE)
            self._processed += 1
            self._close_item()

    def _weighed(self, items: Iterable[T], weigh: Callable[[T], float]) -> Iterator[T]:
        for item in items:
            self._weights.open_item(weigh(item))
            self._noted = True
            yield item

    def inside(self, part: float) -> None:
        """Say how much of the open item is done, from 0 to 1. Beats like `beat()`.

        Raises `RunStopped` when somebody asked: only for an item that can be taken up in its middle.
        """
        self._weights.advance(part)
        self.beat()
        if self._requested:
            raise RunStopped(self._requested)

    def weigh(self, weight: float) -> None:
        """Correct what the open item weighs, once that is known better."""
        self._weights.correct_open_item(weight)

    def note(self, **columns: Any) -> None:
        """Set columns of the run's own type, among its `public_fields`, with the next flush."""
        self._notes.update(columns)

    @contextmanager
    def item(self, key: object, *, seconds: float | None = None, **fields: Any) -> Iterator[None]:
        """Report the item by what becomes of the block: an exception in it fails the item, not the run.

        Only what concerns the whole run gets out: `RunRejected`, `RunUnreachable`, `RunStopped`, `RunLost`, and a
        database that is away. After `seconds` on the clock the next `beat()`, also that of a bounded child, raises
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
            self.failed(key, _unexpected(error), code="unexpected", **fields)
        else:
            if not self._items.has_report:
                self.done(key, **fields)
        finally:
            self._item_deadline = None

    def done(self, key: object, **fields: Any) -> None:
        self._note(ItemStatus.DONE, key, "", "", fields)

    def skipped(self, key: object, reason: object = "", code: str = "", **fields: Any) -> None:
        self._note(ItemStatus.SKIPPED, key, reason, code, fields)

    def failed(self, key: object, error: object, code: str = "error", **fields: Any) -> None:
        self._note(ItemStatus.FAILED, key, error, code, fields)

    def checkpoint(self, cursor: Mapping[str, Any] | None = None, **values: Any) -> None:
        """Say where a new attempt would go on; merged into the cursor, kept as JSON."""
        changed = {**(self._open_cursor or self._cursor), **(cursor or {}), **values}
        if self._tracking:
            self._open_cursor, self._noted = changed, True
        else:
            self._commit_cursor(changed)

    def start_over(self) -> None:
        """Forget what was counted and where the cursor stood: all is done anew, as when a server has renumbered it.

        What has been shown is never taken back: the bar stands until the new count has passed it.
        """
        self._floor = dict(self._shown())
        self._processed = self._failed = self._skipped = self._flushed_processed = 0
        self._flushed_done = 0.0
        self._weights.start_over()
        self._estimator.start_at(0, 0.0)
        self._commit_cursor({})
        self._flush()

    def _note(self, outcome: ItemStatus, key: object, message: object, code: str, fields: dict[str, Any]) -> None:
        self._noted = True
        self._items.report(outcome, key, message, code, fields)

    def _close_item(self) -> None:
        self._failed += self._items.outcome == ItemStatus.FAILED
        self._skipped += self._items.outcome == ItemStatus.SKIPPED
        self._weights.close_item()
        self._items.close_item()
        if self._open_cursor is not None:
            self._commit_cursor(self._open_cursor)
        self._drop_item()

    def _drop_item(self) -> None:
        self._items.drop_item()
        self._noted, self._open_cursor = False, None
        self._weights.drop_item()

    def _commit_cursor(self, cursor: dict[str, Any]) -> None:
        self._cursor = cursor
        self._cursor_counts = {
            "processed": self._processed,
            "failed": self._failed,
            "skipped": self._skipped,
        }
        if self._weights.is_used:
            self._cursor_counts["weight"] = self._weights.done

    # Being alive

    def beat(self) -> None:
        """Say inside a long item that its code is alive. Cheap: writes once a second at most.

        Raises `ItemTimedOut` after the deadline of `item(key, seconds=…)`.
        """
        now = time.monotonic()
        if now >= self._due:
            self._flush()
        if self._item_deadline is not None and now >= self._item_deadline:
            self._item_deadline = None  # the rest of the item may still beat on its way out
            raise ItemTimedOut

    @contextmanager
    def allow_silence(self, *, minutes: float) -> Iterator[None]:
        """Announce a step that truly can't beat. Bounded by `RUNS_MAX_SILENCE_SECONDS`."""
        self._silence = min(minutes * 60, settings.RUNS_MAX_SILENCE_SECONDS)
        self._flush()
        try:
            yield
        finally:
            self._silence = None
        self._flush()

    def wait(self, seconds: float, reason: object) -> None:
        """Sit out a provider's limit, beating, and telling readers until when and why."""
        until = time.monotonic() + seconds
        words = clean(reason, REASON_LENGTH)
        try:
            while (left := until - time.monotonic()) > 0:
                self._waiting = (left, words)
                self._flush()
                if self._requested:
                    raise RunStopped(self._requested)
                time.sleep(min(left, settings.RUNS_FLUSH_INTERVAL_SECONDS))
        finally:
            self._waiting = (None, "")
        self._flush()

    # For `Effects`, whose statement has the counters from the rows themselves

    @property
    def requested(self) -> str:
        """What was asked of this attempt when it last wrote."""
        return self._requested

    def write_with(self, write: Write) -> None:
        """Flush by this function from now on."""
        self._write = write

    def recount(self) -> None:
        """Start over from the counters of the run's row."""
        run = self.run
        self._floor = {name: getattr(run, name) for name in ("processed", "failed", "skipped")}
        self._processed, self._failed, self._skipped = run.processed, run.failed, run.skipped
        self._total = run.total
        self._flushed_processed = self._processed
        self._estimator.start_at(self._processed, self._weights.done)

    def count(self) -> None:
        self._processed += 1

    def report(self) -> None:
        """Write now."""
        self._flush()

    # Writing

    def fenced(self, write: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `write` in one short transaction that commits only while this attempt holds the run.

        It is called again when the database went away meanwhile, so it must be safe to repeat.
        Raises `RunLost` before `write` is called when the run has been taken away.
        """
        return retry_while_database_is_away(self._fenced, partial(write, *args, **kwargs))

    def _fenced(self, write: Callable[[], T]) -> T:
        with transaction.atomic():
            lock_attempt(self.run)
            return write()

    def dies_in_accused_item(self) -> bool:
        """Is an exception that escaped just now the second death in a row inside the same item?"""
        if loop := self._open_loop():  # somebody still holds it: a variable of the frame that raised
            loop.close()
        return bool(self._left_inside) and self._left_inside == self._accused and self._reached() <= self._furthest

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
            self._total = max(self._processed, self._floor["processed"])
        self._waiting = (waiting[0], clean(waiting[1], REASON_LENGTH))
        self._named = ""
        died_in = self._left_inside if died else None
        self._flush(FinalStatus(status, error_code, clean(error_message), died_in))

    def _flush(self, final_status: FinalStatus | None = None) -> None:
        complete = final_status is not None and final_status.status == "completed"
        report = self._report(complete=complete, last=final_status is not None)
        self._requested = retry_while_database_is_away(self._write, self.run, report, final_status)
        self._left_inside = ""
        self._items.clear()
        self._flushed_done = self._done()
        self._flushed_processed = self._processed
        self._due = time.monotonic() + self._interval

    def _report(self, *, complete: bool, last: bool) -> ProgressReport:
        counts = self._shown()
        if self._total is not None:  # an estimate that was exceeded is corrected, not kept
            self._total = max(self._total, counts["processed"])
        self._estimator.measure(self._processed, self._done(), is_waiting=self._waiting[0] is not None)
        seconds = self._began_after + time.monotonic() - self._began_at
        noted = self._pace.note(seconds, counts["processed"], last=last)
        return ProgressReport(
            counters={
                "total": self._total,
                "succeeded": counts["processed"] - counts["failed"] - counts["skipped"],
                **counts,
            },
            cursor=self._cursor,
            cursor_counts=self._cursor_counts,
            progress_pct=100.0 if complete else self._percent(counts["processed"]),
            rate=self._estimator.rate,
            eta=self._seconds_left(counts["processed"]),
            advanced=self._done() > self._flushed_done,
            pace=self._pace.points if noted else None,
            reached=self._reached(),
            suspect_mode=self._suspect is not None,
            open_item=self._named,
            silence=self._silence,
            waiting=self._waiting[0],
            waiting_reason=self._waiting[1],
            items=self._items.rows(),
            notes=self._notes,
        )

    def _done(self) -> float:
        """Items, or weight where they have one, with the part of the open item."""
        if self._weights.total is None:
            return float(self._processed + self._weights.part)
        return self._weights.done_with_part

    def _reached(self) -> float:
        """Items finished, and the part of the open one: in hundredths, so that progress is more than a jitter."""
        return float(self._processed + int(self._weights.part * 100) / 100)

    def _percent(self, processed: int) -> float | None:
        if self._weights.is_used and self._weights.total is None:
            return None
        if self._weights.total:
            return percent(self._done(), self._weights.total)
        return percent(processed, self._total)

    def _seconds_left(self, processed: int) -> float | None:
        """At the present rate; None when nobody can know."""
        if self._total is None:
            return None
        if self._weights.total:
            return self._estimator.seconds_for_weight(self._weights.total - self._done())
        return self._estimator.seconds_for_items(self._total - processed)

    def _shown(self) -> dict[str, int]:
        if self._processed < self._floor["processed"]:
            return self._floor
        return {
            "processed": self._processed,
            "failed": self._failed,
            "skipped": self._skipped,
        }


def own_key(item: object) -> str:
    """The key of an item that names itself; empty where it doesn't."""
    if isinstance(item, RunItem):
        return item.key
    return clean(item, KEY_LENGTH) if isinstance(item, int | str) else ""


def _unexpected(error: Exception) -> str:
    return gettext("The program failed: %(error)s") % {"error": str(error) or type(error).__name__}


def _seconds_between(start: datetime | None, end: datetime | None) -> float:
    """Two moments of the database's clock."""
    return max(0.0, (end - start).total_seconds()) if start and end else 0.0
