"""Trying again: for as long as something comes of it, and a few times more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from django.utils.translation import gettext as _

from runs.exceptions import ItemFailed

from . import Busy, Interrupted, Wait

T = TypeVar("T")

TRIES: Final = 4
LONGEST_PAUSE: Final = 8.0  # seconds
MOST_WAITS: Final = 20


def persist(attempt: Callable[[], T], *, wait: Wait, reached: Callable[[], int] = lambda: 0) -> T:
    """Call `attempt` until it answers. What `reached` says must grow, or the tries run out.

    Raises `ItemFailed` with the code `unreachable`, naming the last reason.
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
                raise ItemFailed(reason, code="unreachable") from reason
            wait(min(LONGEST_PAUSE, 0.5 * 2**failures), reason)
