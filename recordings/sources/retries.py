"""Retries: a download while it makes progress and a few times more, a source that is away for up to an hour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from django.conf import settings
from django.utils.translation import gettext as _

from runs.exceptions import ItemFailed, RunRejected, RunUnreachable
from runs.progress import Backoff, Progress

from . import Interrupted, NotConnected, ProviderBusy, SourceAway, Wait

T = TypeVar("T")

MAX_TRIES: Final = 4
MAX_PAUSE_SECONDS: Final = 8.0
MAX_BUSY_WAITS: Final = 20


def retry_interrupted(attempt: Callable[[], T], *, wait: Wait, get_position: Callable[[], int] = lambda: 0) -> T:
    """Call `attempt` until it succeeds, or has failed `MAX_TRIES` times without `get_position` growing in between.

    Raises `ItemFailed` with the code `unreachable` and the last reason, or `SourceAway` if there was no connection.
    """
    failures = busy_waits = 0
    furthest, waited = get_position(), 0.0
    while True:
        try:
            return attempt()
        except ProviderBusy as busy:
            busy_waits += 1
            if busy_waits > MAX_BUSY_WAITS:
                raise ItemFailed(_("The provider kept asking us to wait."), code="unreachable") from busy
            seconds = max(busy.seconds, waited)  # in a row they double, so that a long row gives the slot back
            waited += seconds
            wait(seconds, busy)
        except Interrupted as reason:
            failures = 1 if get_position() > furthest else failures + 1
            furthest = max(furthest, get_position())
            if failures >= MAX_TRIES:
                if isinstance(reason, NotConnected):
                    raise SourceAway(str(reason)) from reason
                raise ItemFailed(reason, code="unreachable") from reason
            wait(min(MAX_PAUSE_SECONDS, 0.5 * 2**failures), reason)


class SourceOutage:
    """For how long a run waits for a source that is away, or asks it to wait for long; over all its attempts.

    It is over when a recording, or the listing of all, is complete: a provider that always stops a download in its
    middle, and asks for a long wait, would be waited for without an end otherwise.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._backoff = Backoff(progress)

    def wait_between_tries(self, seconds: float, reason: object) -> None:
        """A `Wait` for the source itself. Of a source that is known to be away one try is enough."""
        if isinstance(reason, NotConnected) and self._backoff.is_on:
            raise SourceAway(str(reason)) from reason
        is_long = seconds > settings.RUNS_MAX_WAIT_IN_SLOT_SECONDS
        if isinstance(reason, ProviderBusy) and (is_long or self._backoff.is_on):
            self._wait(reason, at_least=seconds)
        else:
            self._progress.wait(seconds, reason)

    def retry_while_source_is_away(self, attempt: Callable[[], T], *, has_been_reached: bool = True) -> T:
        """Call `attempt` until the source is back, a folder that is mounted again or a provider, and show the wait.

        Raises `RunDeferred` where that is waited for in the queue, and `RunUnreachable` after
        `RECORDINGS_AWAY_SECONDS`; for a source that has never been reached `RunRejected`, as its address is wrong.
        """
        while True:
            try:
                result = attempt()
            except SourceAway as reason:
                if not has_been_reached:
                    raise RunRejected(reason) from reason
                self._wait(reason)
            else:
                self._backoff.end()
                return result

    def _wait(self, reason: Exception, *, at_least: float = 0.0) -> None:
        left = settings.RECORDINGS_AWAY_SECONDS - self._backoff.seconds
        if left <= 0:
            self._backoff.end()  # a retry waits anew
            raise RunUnreachable(reason) from reason
        self._backoff.wait(max(at_least, min(self._backoff.next_pause(), left)), reason)
