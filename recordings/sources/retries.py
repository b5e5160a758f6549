"""Trying again: a recording as long as something comes of it, and a few times more; a source that is away, an hour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from django.conf import settings
from django.utils.translation import gettext as _

from runs.exceptions import ItemFailed, RunRejected, RunUnreachable

from . import Busy, Interrupted, SourceAway, Unconnected, Wait

T = TypeVar("T")

TRIES: Final = 4
LONGEST_PAUSE: Final = 8.0  # seconds
MOST_WAITS: Final = 20
LONGEST_PAUSE_AWAY: Final = 60.0


def persist(attempt: Callable[[], T], *, wait: Wait, reached: Callable[[], int] = lambda: 0) -> T:
    """Call `attempt` until it answers. What `reached` says must grow, or the tries run out.

    Raises `ItemFailed` with the code `unreachable`, naming the last reason, or `SourceAway` when not even a connection
    came about.
    """
    failures = waits = 0
    furthest = reached()
    while True:
        try:
            return attempt()
        except Busy as busy:
            waits += 1
            if waits > MOST_WAITS:
                raise ItemFailed(_("The provider kept asking us to wait."), code="unreachable") from busy
            wait(busy.seconds, _("The provider asks us to wait."))
        except Interrupted as reason:
            failures = 1 if reached() > furthest else failures + 1
            furthest = max(furthest, reached())
            if failures >= TRIES:
                if isinstance(reason, Unconnected):
                    raise SourceAway(str(reason)) from reason
                raise ItemFailed(reason, code="unreachable") from reason
            wait(min(LONGEST_PAUSE, 0.5 * 2**failures), reason)


def outlast(attempt: Callable[[], T], *, wait: Wait, is_proven: bool = True) -> T:
    """Call `attempt` for as long as the source is away, visibly waiting: a mount or a provider comes back.

    Raises `RunUnreachable` after `RECORDINGS_AWAY_SECONDS`, and `RunRejected` at once for a source that has never
    been there (`is_proven` is false): its address is wrong.
    """
    waited, pause = 0.0, 1.0
    while True:
        try:
            return attempt()
        except SourceAway as reason:
            if not is_proven:
                raise RunRejected(reason) from reason
            left = settings.RECORDINGS_AWAY_SECONDS - waited
            if left <= 0:
                raise RunUnreachable(reason) from reason
            pause = min(pause, left)
            wait(pause, reason)
            waited, pause = waited + pause, min(2 * pause, LONGEST_PAUSE_AWAY)
