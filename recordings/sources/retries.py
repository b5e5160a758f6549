"""Retries: a download while it makes progress and a few times more, a source that is away for up to an hour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from django.conf import settings
from django.utils.translation import gettext as _

from runs.exceptions import ItemFailed, RunRejected, RunUnreachable

from . import Interrupted, NotConnected, ProviderBusy, SourceAway, Wait

T = TypeVar("T")

MAX_TRIES: Final = 4
MAX_PAUSE_SECONDS: Final = 8.0
MAX_BUSY_WAITS: Final = 20
MAX_PAUSE_AWAY_SECONDS: Final = 60.0


def retry_interrupted(attempt: Callable[[], T], *, wait: Wait, get_position: Callable[[], int] = lambda: 0) -> T:
    """Call `attempt` until it succeeds, or has failed `MAX_TRIES` times without `get_position` growing in between.

    Raises `ItemFailed` with the code `unreachable` and the last reason, or `SourceAway` if there was no connection.
    """
    failures = busy_waits = 0
    furthest = get_position()
    while True:
        try:
            return attempt()
        except ProviderBusy as busy:
            busy_waits += 1
            if busy_waits > MAX_BUSY_WAITS:
                raise ItemFailed(_("The provider kept asking us to wait."), code="unreachable") from busy
            wait(busy.seconds, _("The provider asks us to wait."))
        except Interrupted as reason:
            failures = 1 if get_position() > furthest else failures + 1
            furthest = max(furthest, get_position())
            if failures >= MAX_TRIES:
                if isinstance(reason, NotConnected):
                    raise SourceAway(str(reason)) from reason
                raise ItemFailed(reason, code="unreachable") from reason
            wait(min(MAX_PAUSE_SECONDS, 0.5 * 2**failures), reason)


def retry_while_source_is_away(attempt: Callable[[], T], *, wait: Wait, has_been_reached: bool = True) -> T:
    """Call `attempt` until the source is back, a folder that is mounted again or a provider. The run shows the wait.

    Raises `RunUnreachable` after `RECORDINGS_AWAY_SECONDS`. A source that has never been reached has a wrong address:
    `RunRejected` is raised at once.
    """
    waited, pause = 0.0, 1.0
    while True:
        try:
            return attempt()
        except SourceAway as reason:
            if not has_been_reached:
                raise RunRejected(reason) from reason
            left = settings.RECORDINGS_AWAY_SECONDS - waited
            if left <= 0:
                raise RunUnreachable(reason) from reason
            pause = min(pause, left)
            wait(pause, reason)
            waited, pause = waited + pause, min(2 * pause, MAX_PAUSE_AWAY_SECONDS)
