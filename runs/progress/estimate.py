"""How fast the work goes, and how long the rest of it will take."""

from __future__ import annotations

import time
from typing import Final

from django.conf import settings

SMOOTHING: Final = 0.3  # weight of the newest second in the rate
SLOWEST_RATE: Final = 1e-6  # items a second: less than one in eleven days counts as no rate
LONGEST_ETA: Final = 30 * 86_400.0  # seconds: a longer estimate is shown as unknown


class Estimator:
    """Smooths two rates, items and weight a second, over the flush intervals."""

    def __init__(self, rate: float | None, items: int, weight: float) -> None:
        self.rate = rate  # items a second; None: not known yet
        self._weight_rate: float | None = None
        self._measured_at = time.monotonic()
        self._items, self._weight = items, weight

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
            self._weight_rate = _smooth_rate(self._weight_rate, (weight - self._weight) / elapsed)
        self._measured_at, self._items, self._weight = now, items, weight

    def seconds_for_items(self, items: float) -> float | None:
        return _seconds_at_rate(items, self.rate)

    def seconds_for_weight(self, weight: float) -> float | None:
        return _seconds_at_rate(weight, self._weight_rate)


def percent_of(done: float, total: float | None) -> float | None:
    """Tenths, rounded down; below 100 as long as the run isn't completed; None when unknown."""
    if not total:
        return None
    return min(99.9, done * 1000 // total / 10)


def _smooth_rate(rate: float | None, newest: float) -> float | None:
    smoothed = newest if rate is None else SMOOTHING * newest + (1 - SMOOTHING) * rate
    return float(smoothed) if smoothed >= SLOWEST_RATE else None


def _seconds_at_rate(amount: float, rate: float | None) -> float | None:
    """None when nobody can know."""
    if not rate:
        return None
    seconds = max(0.0, amount / rate)
    return seconds if seconds <= LONGEST_ETA else None
