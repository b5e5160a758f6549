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


@dataclass(frozen=True)
class Period:
    """From one moment, included, to another, excluded; None is open."""

    since: datetime | None = None
    until: datetime | None = None

    def __contains__(self, moment: datetime) -> bool:
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)


@dataclass(frozen=True)
class Listed:
    """A recording as its source tells of it. `duration` is in seconds, None when it isn't said.

    With a `problem`, in words to show, it could not be told to be a call.
    """

    call_id: str
    location: str
    direction: str = ""
    number: str = ""
    started_at: datetime | None = None
    duration: float | None = None
    problem: str = ""


@dataclass(frozen=True)
class Media:
    """A recording being read, from byte `start` on; `total` is the size of the whole, None when it isn't said."""

    chunks: Iterator[bytes]
    start: int
    total: int | None
    etag: str = ""  # a strong one, or empty: then nothing says that a rest belongs to its beginning


class RecordingSource(Protocol):
    def calls(self, period: Period, direction: str) -> Iterator[Listed]:
        """The calls of a period, as the source brings them. Raises `RunRejected`."""

    def open(self, location: str, *, start: int = 0, etag: str = "") -> AbstractContextManager[Media]:
        """Read a recording, from `start` where the source still has the one with this `etag`, else from 0.

        Raises `ItemFailed`, `RunRejected`, `Busy`, and `Interrupted` here or from the chunks.
        """


class Interrupted(Exception):
    """The source could not be reached, or stopped in the middle: worth another try."""


class Busy(Exception):
    """The source asks to be left alone for some seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds
