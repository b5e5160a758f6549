"""How many messages of a broadcast may be in flight: additive increase, multiplicative decrease, as in TCP.

1. A broadcast begins with as many as its account's rate needs while an answer is assumed to take a tenth of a second,
   `FIRST_SIZE` at most; one that goes on begins with as many as it had.
2. An answer makes it one more, up to `HEADROOM` times what the rate comes to within the time of an answer. The rate
   itself is the rate limiter's to keep: the headroom is what a halved window still reaches it with.
3. A failure halves it, once a round trip at most: whatever left before the last halving had the larger window's fate.
"""

from __future__ import annotations

import time
from math import ceil, inf
from typing import Final

from runs.progress.estimate import SMOOTHING

FIRST_SIZE: Final = 8
ASSUMED_SECONDS: Final = 0.1  # an answer takes, before there was one
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
        """After an answer that took so long."""
        before = answer_seconds if self.answer_seconds is None else self.answer_seconds
        self.answer_seconds = before + SMOOTHING * (answer_seconds - before)
        needed = ceil(HEADROOM * self._rate * self.answer_seconds)
        self.size = max(1, min(self.size + 1, needed, self._limit))

    def halve(self, left_at: float) -> None:
        """After the failure of a message that left then, by the monotonic clock."""
        if left_at > self._halved_at:
            self._halved_at = time.monotonic()
            self.size = max(1, self.size // 2)

    def shut(self) -> None:
        """The next message goes alone."""
        self.size = 1
