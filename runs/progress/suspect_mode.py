"""For how long an attempt after a death names each item that it begins; see `runs.models.poison`."""

from __future__ import annotations

import time

from django.conf import settings

from ..models import Run


class SuspectMode:
    """How long an attempt after a death names each item: until the place of the death is certainly behind it.

    That place lies at most one flush interval after the highest count that was ever flushed. Suspect mode lasts for two
    intervals, in items at the run's rate and in time: the rate may be unknown, and items differ in size.
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
