"""Longer and longer pauses for one thing, such as a server that is away, over all attempts of a run."""

from __future__ import annotations

import time

from django.conf import settings

from ..exceptions import RunDeferred
from .progress import Progress


class Backoff:
    """How long a run has waited in a row for one thing. The run's cursor keeps it from attempt to attempt.

    Each pause doubles the wait, up to the longest pause. The first `RUNS_MAX_WAIT_IN_SLOT_SECONDS` together are waited
    in the worker. Every later pause is waited in the queue: it ends its attempt, and the next one tries again.

    A pause counts as long as it was meant, and the tries between two pauses as long as they took; what else a run waits
    for, a worker or the person who stopped it, counts nothing. So no clock is compared with another one (G6).
    """

    def __init__(
        self, progress: Progress, *, key: str = "unreachable_seconds", first: float = 1.0, longest: float = 60.0
    ) -> None:
        self._progress, self._key, self._first, self._longest = progress, key, first, longest
        self._waited: float = progress.run.cursor.get(key, 0.0)
        self._trying_since = time.monotonic()
        self.is_on: bool = self._waited > 0  # an earlier attempt may have begun it

    @property
    def seconds(self) -> float:
        """For how long so far."""
        return self._waited + time.monotonic() - self._trying_since if self.is_on else 0.0

    def begin(self) -> None:
        """Count from now on, if it isn't counted already."""
        if not self.is_on:
            self.is_on, self._trying_since = True, time.monotonic()

    def next_pause(self, *, at_least: float = 0.0) -> float:
        return max(at_least, min(self._first + self.seconds, self._longest))

    def wait(self, seconds: float, reason: object) -> None:
        """Wait before the next try; readers see until when, and why. Raises `RunDeferred`, like `Progress.wait`."""
        self.begin()
        before = self.seconds
        self._waited = before + seconds
        # Before the wait, which may end the attempt. A crash within it counts the rest of a short wait, and no more.
        self._progress.remember(**{self._key: round(self._waited, 3)})
        if self._waited > settings.RUNS_MAX_WAIT_IN_SLOT_SECONDS:
            raise RunDeferred(seconds, reason)
        self._progress.wait(seconds, reason)
        self._trying_since = time.monotonic()

    def end(self) -> None:
        """It is over: the next one is waited for in full. Cheap while there is none."""
        if self.is_on:
            self.is_on, self._waited = False, 0.0
            self._progress.remember(**{self._key: None})
