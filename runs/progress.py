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

import stamina
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext

from .database import discard_connection, is_database_away, is_outage
from .exceptions import ItemFailed, ItemTimedOut, RunsError, RunStopped
from .flush import LastWord, Report, flush, hold
from .models import Run, RunItem
from .pace import Pace
from .poison import POISON_CODE, POISON_MESSAGE
from .states import ItemStatus, Status

logger = logging.getLogger(__name__)

T = TypeVar("T")
P = ParamSpec("P")

Write = Callable[[Run, Report, LastWord | None], str]  # of a report; answers what is requested
SMOOTHING = 0.3  # weight of the newest second in the rate
SLOWEST_RATE = 1e-6  # items a second: below one in eleven days there is no rate to go by
LONGEST_ETA = 30 * 86_400.0  # seconds: whatever would take longer, nobody knows
REASON_LENGTH = 200
KEY_LENGTH = 200
REPORTED = ("key", "status", "error_code", "error_message")


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
        self._rate: float | None = run.rate
        # Items of different size: what they weigh, and how much of the open one is behind us.
        self._weight_done = float(run.cursor_counts.get("weight", 0.0))
        self._weight_total: float | None = None  # None: every item weighs the same, or the weights aren't known yet
        self._is_weighed = "weight" in run.cursor_counts
        self._weight_open = 0.0
        self._part = 0.0
        self._weight_rate: float | None = None
        self._notes: dict[str, Any] = {}
        self._pace = Pace(run.pace)
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
        self._outcome = ItemStatus.DONE
        self._open_rows: dict[str, dict[str, Any]] = {}
        self._open_cursor: dict[str, Any] | None = None
        self._rows: dict[str, dict[str, Any]] = {}

        self._silence: float | None = None
        self._waiting: tuple[float | None, str] = (None, "")
        self._requested = ""
        self._write: Write = flush  # `Effects` puts its own in this place
        self._interval = settings.RUNS_FLUSH_INTERVAL_SECONDS
        self._flushed_done: float = self._processed
        self._flushed_processed = self._processed
        self._began_at = self._measured_at = time.monotonic()
        self._measured_count = self._processed
        self._measured_weight = self._weight_done
        self._due = self._measured_at + self._interval

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
            self._weight_total, self._is_weighed = self._weight_done + weight, True
            items = self._weighed(items, weigh)
            # Until a new attempt knows the weights again, it must not show a share of the count in their place.
            self._cursor_counts = {**self._cursor_counts, "weight": self._weight_done}
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
        if self._suspect and self._suspect.is_over(self._processed, self._rate):
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
            self._weight_open, self._noted = weigh(item), True
            yield item

    def inside(self, part: float) -> None:
        """Say how much of the open item is done, from 0 to 1. Beats like `beat()`.

        Raises `RunStopped` when somebody asked: only for an item that can be taken up in its middle.
        """
        self._part = min(1.0, max(self._part, part))
        self.beat()
        if self._requested:
            raise RunStopped(self._requested)

    def weigh(self, weight: float) -> None:
        """Correct what the open item weighs, once that is known better."""
        if self._weight_total is not None:
            self._weight_total += weight - self._weight_open
            self._weight_open = weight

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
            if not self._open_rows:
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
        self._processed = self._failed = self._skipped = self._flushed_processed = self._measured_count = 0
        self._weight_done = self._measured_weight = self._flushed_done = 0.0
        self._commit_cursor({})
        self._flush()

    def _note(self, outcome: ItemStatus, key: object, message: object, code: str, fields: dict[str, Any]) -> None:
        self._outcome, self._noted = outcome, True
        row = {"key": str(key), "status": outcome, "error_code": code, "error_message": str(message)}
        self._open_rows[str(key)] = {**row, **fields}

    def _close_item(self) -> None:
        self._failed += self._outcome == ItemStatus.FAILED
        self._skipped += self._outcome == ItemStatus.SKIPPED
        self._weight_done += self._weight_open
        if self.run.item_model():
            self._rows.update(self._open_rows)
        if self._open_cursor is not None:
            self._commit_cursor(self._open_cursor)
        self._drop_item()

    def _drop_item(self) -> None:
        self._noted, self._outcome = False, ItemStatus.DONE
        self._open_rows, self._open_cursor = {}, None
        self._weight_open = self._part = 0.0

    def _commit_cursor(self, cursor: dict[str, Any]) -> None:
        self._cursor = cursor
        self._cursor_counts = {
            "processed": self._processed,
            "failed": self._failed,
            "skipped": self._skipped,
        }
        if self._is_weighed:
            self._cursor_counts["weight"] = self._weight_done

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

    def recount(self) -> None:
        """Start over from the counters of the run's row."""
        run = self.run
        self._floor = {name: getattr(run, name) for name in ("processed", "failed", "skipped")}
        self._processed, self._failed, self._skipped = run.processed, run.failed, run.skipped
        self._total = run.total
        self._flushed_processed = self._measured_count = self._processed

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
        return patiently(self._fenced, partial(write, *args, **kwargs))

    def _fenced(self, write: Callable[[], T]) -> T:
        with transaction.atomic():
            hold(self.run)
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
        self._flush(LastWord(status, error_code, clean(error_message), died_in))

    def _flush(self, last_word: LastWord | None = None) -> None:
        complete = last_word is not None and last_word.status == "completed"
        report = self._report(complete=complete, last=last_word is not None)
        self._requested = patiently(self._write, self.run, report, last_word)
        self._left_inside = ""
        self._rows = {}
        self._flushed_done = self._done()
        self._flushed_processed = self._processed
        self._due = time.monotonic() + self._interval

    def _report(self, *, complete: bool, last: bool) -> Report:
        counts = self._shown()
        if self._total is not None:  # an estimate that was exceeded is corrected, not kept
            self._total = max(self._total, counts["processed"])
        self._measure()
        seconds = self._began_after + time.monotonic() - self._began_at
        noted = self._pace.note(seconds, counts["processed"], last=last)
        return Report(
            counters={
                "total": self._total,
                "succeeded": counts["processed"] - counts["failed"] - counts["skipped"],
                **counts,
            },
            cursor=self._cursor,
            cursor_counts=self._cursor_counts,
            progress_pct=100.0 if complete else self._percent(counts["processed"]),
            rate=self._rate,
            eta=self._seconds_left(counts["processed"]),
            advanced=self._done() > self._flushed_done,
            pace=self._pace.points if noted else None,
            reached=self._reached(),
            suspect_mode=self._suspect is not None,
            open_item=self._named,
            silence=self._silence,
            waiting=self._waiting[0],
            waiting_reason=self._waiting[1],
            items=self._item_rows(),
            notes=self._notes,
        )

    def _done(self) -> float:
        """Items, or weight where they have one, with the part of the open item."""
        if self._weight_total is None:
            return float(self._processed + self._part)
        return self._weight_done + self._part * self._weight_open

    def _reached(self) -> float:
        """Items finished, and the part of the open one: in hundredths, so that progress is more than a jitter."""
        return float(self._processed + int(self._part * 100) / 100)

    def _percent(self, processed: int) -> float | None:
        if self._is_weighed and self._weight_total is None:
            return None
        if self._weight_total:
            return percent(self._done(), self._weight_total)
        return percent(processed, self._total)

    def _seconds_left(self, processed: int) -> float | None:
        """At the present rate; None when nobody can know."""
        if self._weight_total:
            left, rate = self._weight_total - self._done(), self._weight_rate
        else:
            left, rate = (self._total or 0) - processed, self._rate
        if self._total is None or not rate:
            return None
        seconds = max(0.0, left / rate)
        return seconds if seconds <= LONGEST_ETA else None

    def _shown(self) -> dict[str, int]:
        if self._processed < self._floor["processed"]:
            return self._floor
        return {
            "processed": self._processed,
            "failed": self._failed,
            "skipped": self._skipped,
        }

    def _measure(self) -> None:
        """Smooth both rates, of items and of weight, by what the last second brought."""
        now = time.monotonic()
        elapsed = now - self._measured_at
        if elapsed < settings.RUNS_FLUSH_INTERVAL_SECONDS / 2:  # too short to measure
            return
        weight = self._done()
        if self._waiting[0] is None:  # a wait says nothing about the work's own speed
            self._rate = _smoothed(self._rate, (self._processed - self._measured_count) / elapsed)
            self._weight_rate = _smoothed(self._weight_rate, (weight - self._measured_weight) / elapsed)
        self._measured_at, self._measured_count, self._measured_weight = now, self._processed, weight

    def _item_rows(self) -> list[dict[str, Any]]:
        """The same columns for every item of a type, those that it shows, so that one statement fits all rows."""
        model = self.run.item_model()
        if model is None:
            return []
        reported = {*REPORTED, *model.public_fields}
        columns = [
            (field.name, field.get_default(), field.max_length)
            for field in model._meta.concrete_fields
            if field.name in reported
        ]
        return [
            {name: _storable(row.get(name, default), limit) for name, default, limit in columns}
            for row in self._rows.values()
        ]


class SuspectMode:
    """How long an attempt after a death names each item: until the place of the death is certainly behind it.

    That place lies within one flush interval after the highest count that was ever flushed. Two are waited for, in
    items at the run's rate and on the clock, for a rate may be unknown and an interval may hold items of any size.
    """

    def __init__(self, run: Run) -> None:
        self._shown = run.processed
        self._interval = settings.RUNS_FLUSH_INTERVAL_SECONDS
        self._rate = run.rate or 0.0
        self._passed_at: float | None = None

    def is_over(self, processed: int, rate: float | None) -> bool:
        """After `processed` items, at the newest rate (items a second)."""
        beyond = processed - self._shown
        if beyond < 1:
            return False
        if self._passed_at is None:
            self._passed_at = time.monotonic()
        self._rate = max(self._rate, rate or 0.0)
        has_passed_items = beyond > 2 * self._interval * self._rate
        return has_passed_items and time.monotonic() - self._passed_at >= 2 * self._interval


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


def percent(done: float, total: float | None) -> float | None:
    """Tenths, rounded down; below 100 as long as the run isn't completed; null when unknown."""
    if not total:
        return None
    return min(99.9, done * 1000 // total / 10)


def _smoothed(rate: float | None, newest: float) -> float | None:
    smoothed = newest if rate is None else SMOOTHING * newest + (1 - SMOOTHING) * rate
    return float(smoothed) if smoothed >= SLOWEST_RATE else None


def clean(value: object, limit: int | None = None) -> str:
    """Text that PostgreSQL can keep: no NUL, no half of a surrogate pair, not too long."""
    text = str(value).replace("\x00", "")
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return text[:limit]


def _storable(value: object, limit: int | None) -> object:
    if value is None or isinstance(value, (int, float)):
        return value
    return clean(value, limit)


def patiently(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call again, backing off, for as long as the database is away; then let the error out."""
    try:
        return call(*args, **kwargs)
    except Exception as error:
        if not _database_away(error):
            raise
    for attempt in stamina.retry_context(
        on=_database_away,
        attempts=None,
        timeout=settings.RUNS_DATABASE_PATIENCE_SECONDS,
        wait_initial=0.1,
        wait_max=5.0,
    ):
        with attempt:
            return call(*args, **kwargs)
    raise AssertionError("unreachable")


def _database_away(error: Exception) -> bool:
    if not is_database_away(error):
        return False
    discard_connection()  # the next call opens a new one
    return True
