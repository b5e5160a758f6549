"""Waits while the mail server of a sync is unreachable, and gives up after a limit."""

from __future__ import annotations

from typing import Final

from django.conf import settings

from runs.exceptions import RunRejected, RunUnreachable
from runs.progress import Backoff, Progress

from ..mailbox.account import InboxUnreachable
from ..models import Mailbox
from ..stored_messages import GIVEN_UP

FIRST_PAUSE_SECONDS: Final = 1.0


class Outage:
    """How long a run's mail server has been unreachable.

    It is counted over all attempts of the run (`unreachable_seconds` of its cursor), so that a deploy doesn't restart
    the wait. A short outage and a wrong address look the same: for a mailbox that was opened before the run waits, one
    that never was is rejected soon.
    """

    def __init__(self, progress: Progress, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._backoff = Backoff(progress, first=FIRST_PAUSE_SECONDS)

    def end(self) -> None:
        """The server responds again: the next outage may last the full limit."""
        self._backoff.end()

    def wait(self, error: InboxUnreachable) -> None:
        """Wait before the next try, and show why.

        Raises RunDeferred where it is waited in the queue, and RunRejected or RunUnreachable after the longest wait.
        """
        unreachable_seconds = self._backoff.seconds
        left = self._longest_wait(error) - unreachable_seconds
        if left <= 0:
            self._give_up(error, unreachable_seconds)
        if self._backoff.is_on:
            self._backoff.wait(min(self._backoff.next_pause(), left), error.waiting_reason)
        self._backoff.begin()  # the first retry follows at once

    def _longest_wait(self, error: InboxUnreachable) -> float:
        """The longest wait over all attempts, in seconds."""
        if self._mailbox.has_been_opened:
            return float(settings.RECEIPTS_UNREACHABLE_SECONDS)
        return 0.0 if error.is_misconfigured else float(settings.RECEIPTS_FIRST_CONTACT_SECONDS)

    def _give_up(self, error: InboxUnreachable, unreachable_seconds: float) -> None:
        self._backoff.end()  # a retry may wait the full time again
        if not self._mailbox.has_been_opened:
            raise RunRejected(error)
        raise RunUnreachable(GIVEN_UP % {"problem": error, "minutes": max(1, unreachable_seconds // 60)})
