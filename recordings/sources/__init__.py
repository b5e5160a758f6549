"""Where recordings come from. Every source has one small interface: list calls, examine and open a recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.db import models
from django.utils.translation import gettext_lazy as _


class Direction(models.TextChoices):
    INBOUND = "inbound", _("Incoming")
    OUTBOUND = "outbound", _("Outgoing")
    INTERNAL = "internal", _("Internal")


@dataclass(frozen=True)
class FolderAccount:
    folder: str


@dataclass(frozen=True)
class TwilioAccount:
    sid: str
    token: str


Account = FolderAccount | TwilioAccount
Wait = Callable[[float, object], None]  # waits so many seconds for a reason that people see, with heartbeats
Beat = Callable[[], None]  # sends a heartbeat


@dataclass(frozen=True)
class Period:
    """From `since`, included, to `until`, excluded; None is open."""

    since: datetime | None = None
    until: datetime | None = None

    def __contains__(self, moment: datetime) -> bool:
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)


@dataclass(frozen=True)
class ListedCall:
    """A recording as its source lists it. `duration` is in seconds, `size` in bytes; None if unknown.

    With a `problem`, a message for people, it could not be identified as a call.
    """

    call_id: str
    location: str
    direction: str = ""
    number: str = ""
    started_at: datetime | None = None
    duration: float | None = None
    size: int | None = None
    problem: str = ""


class LeftOutReason(models.TextChoices):
    """Why something in a source doesn't become an item of the run. The run's warnings name it."""

    UNREADABLE_FOLDER = "unreadable_folder"
    UNREADABLE_FILE = "unreadable_file"
    UNREADABLE_NOTES = "unreadable_notes"  # metadata beside the recordings
    STILL_RECORDING = "still_recording"
    NOT_A_FILE = "not_a_file"  # a pipe, a socket, a device
    LINK = "link"  # to the outside of the source's folder, to a folder, or to nothing
    UNKNOWN_KIND = "unknown_kind"  # audio in a format that isn't read


@dataclass(frozen=True)
class LeftOut:
    name: str
    reason: LeftOutReason


@dataclass(frozen=True)
class Media:
    """A recording being read from byte `start` on; `total` is the size of all of it, None if unknown."""

    chunks: Iterator[bytes]
    start: int
    total: int | None
    etag: str = ""  # a strong one, or empty: then a download can't be resumed safely


class RecordingSource(Protocol):
    def check(self) -> None:
        """Does the source answer as it is configured? Raises `RunRejected`, `SourceAway`."""

    def list_calls(self, period: Period, direction: str) -> Iterator[ListedCall | LeftOut]:
        """Yield the calls of a period in the source's order, with heartbeats. Opens none of the recordings.

        Raises `RunRejected`, `SourceAway`.
        """

    def examine_recording(self, listed: ListedCall) -> ListedCall | LeftOut:
        """Add the duration that the header of a new or grown recording states."""

    def open_recording(self, location: str, *, start: int = 0, etag: str = "") -> AbstractContextManager[Media]:
        """Read a recording, from `start` if the source still has the one with this `etag`, else from 0.

        Raises `ItemFailed`, `RunRejected`, `ProviderBusy`, `SourceAway`. `Interrupted` and `StillRecording` are raised
        here or by the chunks.
        """


class Interrupted(Exception):
    """The source could not be reached, or stopped in the middle: worth a retry."""


class BadRequest(Interrupted):
    """The source refuses a request of this form."""


class NotConnected(Interrupted):
    """No connection to the source could be made."""


class SourceAway(Exception):
    """The source as a whole can't be reached, for a moment or for good."""


class StillRecording(Exception):
    """The recording is still being made: a later run fetches it."""


class ProviderBusy(Exception):
    """The provider asks us to wait for some seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(_("The provider asks us to wait."))
        self.seconds = seconds
