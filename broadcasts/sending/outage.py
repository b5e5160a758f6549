"""The wait for a provider that is away: longer and longer pauses, and an end."""

from __future__ import annotations

import time
from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from runs.exceptions import RunUnreachable
from runs.progress import Progress

from ..providers import ProviderError

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
NO_CONTACT: Final = gettext_noop("WhatsApp can't be reached")


class Outage:
    """How long the provider has been away, over all attempts of a run: a deploy doesn't start the wait again."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._seconds_before: float = progress.run.cursor.get("unreachable_seconds", 0.0)
        self._began_at: float | None = None
        self._pause = FIRST_PAUSE_SECONDS

    def end(self) -> None:
        """Call after every answer of the provider."""
        if self._began_at is not None or self._seconds_before:
            self._seconds_before, self._began_at, self._pause = 0.0, None, FIRST_PAUSE_SECONDS
            self._progress.checkpoint(unreachable_seconds=0.0)

    def wait(self, error: ProviderError) -> None:
        """Wait for one pause, with the reason on the card. Raises `RunUnreachable` after the longest outage."""
        now = time.monotonic()
        if self._began_at is None:
            self._began_at = now
        away = self._seconds_before + now - self._began_at
        left = settings.WHATSAPP_UNREACHABLE_SECONDS - away
        if left <= 0:
            self._progress.checkpoint(unreachable_seconds=0.0)  # a retry waits anew
            message = _(
                "WhatsApp didn't answer for %(minutes)d minutes: %(error)s. Retry to continue where it stopped."
            )
            raise RunUnreachable(message % {"minutes": max(1, away // 60), "error": error})
        self._progress.checkpoint(unreachable_seconds=away)
        self._progress.wait(min(self._pause, left), NO_CONTACT)
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
