"""How fast the work goes, and how long the rest of it will take."""

from __future__ import annotations

import time
from math import exp
from typing import Final

from django.conf import settings

SMOOTHING: Final = 0.3  # weight of the newest second in the rate
SLOWEST_RATE: Final = 1e-6  # items a second: less than one in eleven days counts as no rate
SAMPLE_INTERVALS: Final = 5  # flush intervals that an attempt must have worked before the time left is shown
SAMPLE_ITEMS: Final = 3  # and items that it must have finished, where they all weigh the same
SHORTEST_MEMORY: Final = 10.0  # seconds
LONGEST_ETA: Final = 30 * 86_400.0  # seconds: a longer estimate is shown as unknown


class Estimator:
    """Measures two rates, items and weight a second, over the flush intervals.

    `rate`, which people are shown, follows the last seconds. The time left goes by a longer memory, as long as the
    attempt has worked on items: one slow letter or one burst says little of the rest. It is shown once there is a real
    sample.
    """

    def __init__(self, rate: float | None, items: int, weight: float) -> None:
        self.rate = rate  # items a second; None: not known yet
        self._measured_at = time.monotonic()
        self._has_begun = False
        self._items, self._weight = items, weight
        self._sampled_items = self._sampled_seconds = 0.0
        # Of the remembered time.
        self._seconds = self._items_done = self._weight_done = 0.0

    def begin_items(self) -> None:
        """Measure from now on. How long it took to connect or to list what there is says nothing of the items."""
        if not self._has_begun:
            self._has_begun = True
            self._measured_at = time.monotonic()
            self._sampled_seconds = self._seconds = 0.0

    def start_at(self, items: int, weight: float) -> None:
        """Measure from these counts on, which were not reached by work."""
        self._items, self._weight = items, weight

    def measure(self, items: int, weight: float, *, is_waiting: bool) -> None:
        """Measure the rates up to these counts. A wait for a provider doesn't change them."""
        now = time.monotonic()
        elapsed = now - self._measured_at
        if elapsed < settings.RUNS_FLUSH_INTERVAL_SECONDS / 2:  # too short to measure
            return
        if not is_waiting:
            self.rate = _smooth_rate(self.rate, (items - self._items) / elapsed)
            self._remember(elapsed, items - self._items, weight - self._weight)
        self._measured_at, self._items, self._weight = now, items, weight

    def _remember(self, elapsed: float, items: int, weight: float) -> None:
        self._sampled_seconds += elapsed
        self._sampled_items += items
        memory = max(SHORTEST_MEMORY, self._sampled_seconds)
        kept = exp(-elapsed / memory)
        self._seconds = self._seconds * kept + elapsed
        self._items_done = self._items_done * kept + items
        self._weight_done = self._weight_done * kept + weight

    def seconds_for_items(self, items: float) -> float | None:
        if self._sampled_items < SAMPLE_ITEMS:
            return None
        return self._seconds_at(items, self._items_done)

    def seconds_for_weight(self, weight: float) -> float | None:
        return self._seconds_at(weight, self._weight_done)

    def _seconds_at(self, amount: float, done: float) -> float | None:
        """None before there is a sample, and when nobody can know."""
        if self._sampled_seconds < SAMPLE_INTERVALS * settings.RUNS_FLUSH_INTERVAL_SECONDS or self._seconds <= 0:
            return None
        rate = done / self._seconds
        if rate < SLOWEST_RATE:
            return None
        seconds = max(0.0, amount / rate)
        return seconds if seconds <= LONGEST_ETA else None


def percent_of(done: float, total: float | None) -> float | None:
    """Tenths, rounded down; below 100 as long as the run isn't completed; None when unknown."""
    if not total:
        return None
    return min(99.9, done * 1000 // total / 10)


def _smooth_rate(rate: float | None, newest: float) -> float | None:
    smoothed = newest if rate is None else SMOOTHING * newest + (1 - SMOOTHING) * rate
    return float(smoothed) if smoothed >= SLOWEST_RATE else None
