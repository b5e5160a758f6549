"""Where recordings come from, behind one small interface: list calls, open one's recording."""

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
Wait = Callable[[float, object], None]  # seconds, and why: sits it out, beating
Beat = Callable[[], None]


@dataclass(frozen=True)
class Period:
    """From one moment, included, to another, excluded; None is open."""

    since: datetime | None = None
    until: datetime | None = None

    def __contains__(self, moment: datetime) -> bool:
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)


@dataclass(frozen=True)
class Listed:
    """A recording as its source tells of it. `duration` is in seconds, `size` in bytes; None when it isn't said.

    With a `problem`, in words to show, it could not be told to be a call.
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
    """Why something in a source becomes no item of the run; the run's warnings say so."""

    UNREADABLE_FOLDER = "unreadable_folder"
    UNREADABLE_FILE = "unreadable_file"
    UNREADABLE_NOTES = "unreadable_notes"  # what is written beside the recordings about them
    STILL_RECORDING = "still_recording"
    NOT_A_FILE = "not_a_file"  # a pipe, a socket, a device
    LINK = "link"  # out of the source's folder, to a folder, or to nothing
    UNKNOWN_KIND = "unknown_kind"  # sound in a format that isn't read


@dataclass(frozen=True)
class LeftOut:
    name: str
    reason: LeftOutReason


@dataclass(frozen=True)
class Media:
    """A recording being read, from byte `start` on; `total` is the size of the whole, None when it isn't said."""

    chunks: Iterator[bytes]
    start: int
    total: int | None
    etag: str = ""  # a strong one, or empty: then nothing says that a rest belongs to its beginning


class RecordingSource(Protocol):
    def calls(self, period: Period, direction: str) -> Iterator[Listed | LeftOut]:
        """The calls of a period, as the source brings them. Raises `RunRejected`, `SourceAway`.

        It beats as it goes, and opens none of the recordings.
        """

    def examine(self, listed: Listed) -> Listed | LeftOut:
        """Look into a recording that is new, or has grown: how long it is, as far as its head tells."""

    def open(self, location: str, *, start: int = 0, etag: str = "") -> AbstractContextManager[Media]:
        """Read a recording, from `start` where the source still has the one with this `etag`, else from 0.

        Raises `ItemFailed`, `RunRejected`, `Busy`, `SourceAway`, and `Interrupted` or `StillRecording` here or from
        the chunks.
        """


class Interrupted(Exception):
    """The source could not be reached, or stopped in the middle: worth another try."""


class BadRequest(Interrupted):
    """The source doesn't do what it is asked for in this way."""


class Unconnected(Interrupted):
    """Not even a connection to the source came about."""


class SourceAway(Exception):
    """The source as a whole is away, for a moment or for good: none of its recordings can be had."""


class StillRecording(Exception):
    """The recording is still being made: a later run takes it."""


class Busy(Exception):
    """The source asks to be left alone for some seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds
