"""Which items a run's row names before they begin, so that a death can be blamed on one; see `runs.models.poison`."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, TypeVar

from ..models import Run, RunItem
from ..text import clean
from .counts import Counts
from .suspect_mode import SuspectMode

logger = logging.getLogger(__name__)

T = TypeVar("T")

KEY_LENGTH = 200


class ItemNaming:
    """The name of the open item, and what is known of earlier deaths."""

    def __init__(self, run: Run, counts: Counts) -> None:
        self.open_item = ""  # the key on the row; empty where the open item isn't named
        self.left_inside = ""  # the item in whose middle the loop was left, by an exception or a break
        self._run, self._counts = run, counts
        self._suspect = SuspectMode(run) if run.suspect_mode else None
        self._accused, self._furthest = run.accused_item, run.furthest
        self._flushed_processed = counts.processed
        self._open_loop: Callable[[], Generator[Any] | None] = lambda: None

    @property
    def is_suspect(self) -> bool:
        return self._suspect is not None

    def note_flush(self) -> None:
        self.left_inside = ""
        self._flushed_processed = self._counts.processed

    def restart_count(self) -> None:
        """The counts were set anew, and not by work."""
        self._flushed_processed = self._counts.processed

    def names_next(self, due: float, rate: float | None) -> bool:
        """In suspect mode each item is named. Otherwise those after a slow one: both flushes are due anyway."""
        if self._suspect and self._suspect.is_over(self._counts.processed, rate):
            self._suspect = None
        return self.is_suspect or self._was_slow(due)

    def _was_slow(self, due: float) -> bool:
        """Did the last item take as long as flushes are apart?"""
        return self._counts.processed - self._flushed_processed <= 1 and time.monotonic() >= due

    def watch_loop(self, loop: Generator[T]) -> Generator[T]:
        """Remember the loop: see `dies_in_accused_item`."""
        self.left_inside = ""
        self._open_loop = weakref.ref(loop)
        return loop

    def dies_in_accused_item(self) -> bool:
        """Is an exception that escaped just now the second death in a row inside the same item?"""
        if loop := self._open_loop():  # a variable of the frame that raised may still refer to it
            loop.close()
        is_accused = bool(self.left_inside) and self.left_inside == self._accused
        return is_accused and self._counts.place_reached() <= self._furthest

    def without_poison(
        self, items: Iterable[T], key_of: Callable[[T], str], fail_item: Callable[[str], object]
    ) -> Iterable[T]:
        """The items without the poison ones; each of these is failed in its turn."""
        return self._without_poison(items, key_of, fail_item) if self._run.poison_items else items

    def _without_poison(
        self, items: Iterable[T], key_of: Callable[[T], str], fail_item: Callable[[str], object]
    ) -> Iterator[T]:
        poison = frozenset(self._run.poison_items)
        for item in items:
            key = key_of(item)
            if key not in poison:
                yield item
                continue
            logger.warning("Poison item: type=%s id=%s item=%s", self._run.slug, self._run.pk, key)
            fail_item(key)


def own_key(item: object) -> str:
    """The key of an item that names itself; empty where it doesn't."""
    if isinstance(item, RunItem):
        return item.key
    return clean(item, KEY_LENGTH) if isinstance(item, int | str) else ""
