"""How many messages of a broadcast may be in flight: additive increase, multiplicative decrease, as in TCP.

1. A new broadcast begins with as many as its account's rate needs if an answer takes a tenth of a second, at most
   `FIRST_SIZE`. A resumed one begins with the size that the last attempt had.
2. Each answer adds one, up to `HEADROOM` times the number of messages that the rate sends while one answer is awaited.
   The rate limiter keeps the rate; the headroom lets a halved window still reach it.
3. A failure halves the window, at most once a round trip: messages that left before the last halving failed by the
   larger window.
"""

from __future__ import annotations

import time
from math import ceil, inf
from typing import Final

from runs.progress.estimate import SMOOTHING

FIRST_SIZE: Final = 8
ASSUMED_SECONDS: Final = 0.1  # how long an answer takes, before the first one
HEADROOM: Final = 2


class ConcurrencyWindow:
    """`size` messages may be in flight, never more than `limit`."""

    def __init__(self, rate: float, limit: int, size: int | None = None) -> None:
        self._rate, self._limit = rate, limit
        self.answer_seconds: float | None = None  # smoothed
        self._halved_at = -inf
        first = size or min(FIRST_SIZE, ceil(rate * ASSUMED_SECONDS))
        self.size = max(1, min(first, limit))

    def grow(self, answer_seconds: float) -> None:
        """Call after an answer that took this long."""
        before = answer_seconds if self.answer_seconds is None else self.answer_seconds
        self.answer_seconds = before + SMOOTHING * (answer_seconds - before)
        needed = ceil(HEADROOM * self._rate * self.answer_seconds)
        self.size = max(1, min(self.size + 1, needed, self._limit))

    def halve(self, left_at: float) -> None:
        """Call after the failure of a message; `left_at` is when it left, by the monotonic clock."""
        if left_at > self._halved_at:
            self._halved_at = time.monotonic()
            self.size = max(1, self.size // 2)

    def shut(self) -> None:
        """The next message goes alone."""
        self.size = 1
