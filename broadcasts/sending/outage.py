"""The wait for a provider that is away: longer and longer pauses, and an end."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.utils.translation import gettext_noop

from runs.exceptions import RunUnreachable
from runs.progress import Backoff, Progress

from ..providers import ProviderError
from ..stored_messages import NO_ANSWER

NO_CONTACT: Final = gettext_noop("WhatsApp can't be reached")


class Outage:
    """How long the provider has been away, over all attempts of a run."""

    def __init__(self, progress: Progress) -> None:
        self._backoff = Backoff(progress)

    @property
    def is_on(self) -> bool:
        """Has there been no answer since it began, perhaps in an earlier attempt?"""
        return self._backoff.is_on

    def end(self) -> None:
        """Call after every answer of the provider."""
        self._backoff.end()

    def wait(self, error: ProviderError) -> None:
        """Wait for one pause, with the reason on the card.

        Raises `RunDeferred` where it is waited in the queue, and `RunUnreachable` after the longest outage.
        """
        away = self._backoff.seconds
        left = settings.WHATSAPP_UNREACHABLE_SECONDS - away
        if left <= 0:
            self._backoff.end()  # a retry waits anew
            raise RunUnreachable(NO_ANSWER % {"minutes": max(1, away // 60), "error": error})
        self._backoff.wait(min(self._backoff.next_pause(), left), NO_CONTACT)
