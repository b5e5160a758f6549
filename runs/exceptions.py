"""Errors of the core. The docstring of a class is its default message."""

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _

from .item_failed import ItemFailed, RunsError

__all__ = [
    "ActiveRunExists",
    "BrokerAway",
    "ChildDied",
    "ChildKilled",
    "ChildTimedOut",
    "ItemFailed",
    "ItemTimedOut",
    "RunDeferred",
    "RunLost",
    "RunRejected",
    "RunStopped",
    "RunUnreachable",
    "RunsError",
    "StartQuotaReached",
    "WrongStatus",
]


class RunLost(RunsError):
    """This attempt no longer owns its run: it was expired, reset or taken by a newer attempt."""


class RunStopped(RunsError):
    """Somebody asked the run to stop; raised between items by `progress.track`."""


class RunRejected(RunsError):
    """The run can't work as configured. Raise it with words that the user can act on."""


class RunDeferred(RunsError):
    """The run can't go on for some time, and no worker should wait with it.

    It goes back to the queue, where nobody claims it for so many seconds; `reason` is what readers are shown meanwhile.
    """

    def __init__(self, seconds: float, reason: object) -> None:
        super().__init__(reason)
        self.seconds = seconds
        self.reason = str(reason)


class RunUnreachable(RunsError):
    """A server that the run needs was away for too long. A retry goes on where the run stopped."""


class ItemTimedOut(ItemFailed):
    """The item took longer than it may."""

    def __init__(self) -> None:
        super().__init__(_("This item takes too long."), code="timeout")


class ChildTimedOut(ItemTimedOut):
    """A bounded child used up its time, on the processor or on the clock."""


class ChildDied(ItemFailed):
    """A bounded child died over its request: it crashed, or ran out of memory."""

    def __init__(self) -> None:
        super().__init__(_("This item can't be read: it is damaged or too complex."), code="unreadable")


class ChildKilled(ChildDied):
    """A bounded child was killed from outside, perhaps through no fault of its request."""


class ActiveRunExists(RunsError):
    """A run of this type is already active for this business."""

    def __init__(self, run: Any) -> None:
        super().__init__()
        self.run = run


class StartQuotaReached(RunsError):
    """The business has started as many runs as it may for now."""

    def __init__(self, runs: int, period: timedelta, wait: int, *, of_one_type: bool) -> None:
        """So many runs in the period; after `wait` seconds there may be one more."""
        super().__init__()
        self.runs = runs
        self.period = period
        self.wait = wait
        self.of_one_type = of_one_type


class WrongStatus(RunsError):
    """The run's status doesn't allow this."""

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason  # where more is to be said than that


class BrokerAway(RunsError):
    """The broker doesn't answer."""
