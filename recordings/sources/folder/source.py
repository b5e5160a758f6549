"""A folder that a telephone exchange fills, as Asterisk and FreePBX do.

What is known of a call stands in the file's name, or beside it: in a JSON file of the same name, or in
the folder's `calls.csv`, by the columns `file`, `direction`, `number`, `started_at`.

Anybody who can write there may have put anything there. Listing looks at types, sizes and names; only what is a
regular file is opened, and only what is new is looked into.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

from django.conf import settings
from django.utils.translation import gettext as _

from runs.exceptions import ItemFailed, RunRejected
from runs.text import clean

from ...audio.formats import RAW, READABLE, UNREADABLE
from ...audio.wav import read_wav_head
from ...regular_files import NotRegular, open_regular
from .. import Beat, Direction, Interrupted, LeftOut, LeftOutReason, Listed, Media, Period, SourceAway, StillRecording
from .notes import LONGEST_NUMBER, CsvNotes, Notes, UnreadableNotes, listed_fields, read_json_notes

CHUNK: Final = 1024 * 1024
CSV_NAME: Final = "calls.csv"
LONGEST_ID: Final = 200
LONGEST_LOCATION: Final = 1000
FEWEST_BYTES_A_SECOND: Final = 50  # of any codec that carries speech
SOUND: Final = READABLE | UNREADABLE
QUOTED: Final = "/"  # begins a location that stands for bytes which are no text; no path within a folder begins so

# kind - whom the exchange rang - who rang - day - time - the channel's own ID, which begins with its second
_NAME = re.compile(
    r"(?P<kind>[a-z]+)-(?P<to>[^-]*)-(?P<by>[^-]*)-(?P<day>\d{8})-(?P<time>\d{6})-(?P<epoch>\d{9,10})\.\d+",
    re.IGNORECASE | re.ASCII,
)
_DIRECTIONS: Final = {
    "out": Direction.OUTBOUND,
    "in": Direction.INBOUND,
    "external": Direction.INBOUND,
    "q": Direction.INBOUND,
    "rg": Direction.INBOUND,
    "internal": Direction.INTERNAL,
    "exten": Direction.INTERNAL,
}

Length = Callable[[Path], float | None]  # in seconds, as far as a recording's head tells


class LinkToNowhere(OSError):
    """A link to what isn't there, or to itself."""


class Folder:
    """`length` is asked of recordings whose head is none that Python can read in a moment."""

    def __init__(self, folder: str, *, beat: Beat, length: Length) -> None:
        self._root = _allowed(folder)
        self._inode: int | None = None  # the root's, once it has been seen
        self._beat = beat
        self._length = length

    # Listing

    def calls(self, period: Period, direction: str) -> Iterator[Listed | LeftOut]:
        self._check_that_it_is_there()
        for found in self._folders():
            if isinstance(found, LeftOut):
                yield found
                continue
            place, entries = found
            names = {entry.name for entry in entries}
            csv_notes = CsvNotes(place / CSV_NAME, names, self._beat)
            if not csv_notes.is_whole:
                yield self._left_out(place / CSV_NAME, LeftOutReason.UNREADABLE_NOTES)
            for entry in entries:
                self._beat()
                status = self._stat_recording(entry)
                if isinstance(status, LeftOutReason):
                    yield self._left_out(place / entry.name, status)
                elif status is not None:
                    notes = csv_notes.rows.get(entry.name, {})
                    yield from self._listed(place / entry.name, status, notes, names, period, direction)

    def _folders(self) -> Iterator[tuple[Path, list[os.DirEntry[str]]] | LeftOut]:
        """Every folder with what is in it, by name."""
        waiting = [self._root]
        while waiting:
            place = waiting.pop()
            try:
                with os.scandir(place) as scan:
                    entries = sorted(self._beating(scan), key=lambda entry: entry.name)
            except OSError as error:
                if place == self._root:
                    raise SourceAway(_("The folder can't be read: %(reason)s.") % {"reason": error.strerror}) from error
                yield self._left_out(place, LeftOutReason.UNREADABLE_FOLDER)
                continue
            waiting += [place / entry.name for entry in self._beating(reversed(entries)) if _is_folder(entry)]
            yield place, entries

    def _beating(self, entries: Iterable[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
        """A folder may have a million entries, and lie behind a slow network."""
        for entry in entries:
            self._beat()
            yield entry

    def _stat_recording(self, entry: os.DirEntry[str]) -> os.stat_result | LeftOutReason | None:
        """The status of a recording, or why it is left out; None for what is none."""
        is_sound = Path(entry.name).suffix.lower() in SOUND
        try:
            if entry.is_symlink():
                return self._stat_target(Path(entry.path), is_sound)
            if not is_sound or entry.is_dir(follow_symlinks=False):
                return None
            return _regular(entry.stat(follow_symlinks=False))
        except FileNotFoundError:  # moved away since
            return None
        except OSError:
            return LeftOutReason.UNREADABLE_FILE

    def _stat_target(self, link: Path, is_sound: bool) -> os.stat_result | LeftOutReason | None:
        try:
            real = _behind(link)
        except OSError:  # nothing is there, or a circle
            return LeftOutReason.LINK if is_sound else None
        if real.is_dir():
            return LeftOutReason.LINK
        if not is_sound:
            return None
        return _regular(real.lstat()) if real.is_relative_to(self._root) else LeftOutReason.LINK

    def _listed(
        self,
        path: Path,
        status: os.stat_result,
        notes: Notes,
        names: Container[str],
        period: Period,
        direction: str,
    ) -> Iterator[Listed | LeftOut]:
        beside = path.with_suffix(".json")
        if beside.name in names:
            try:
                notes = read_json_notes(beside) or notes
            except UnreadableNotes:
                yield self._left_out(beside, LeftOutReason.UNREADABLE_NOTES)
        call = self._listed_from(path, notes, status.st_size)
        if not _is_wanted(call, status, period, direction):
            return
        if path.suffix.lower() in UNREADABLE:
            yield self._left_out(path, LeftOutReason.UNKNOWN_KIND)
        elif not _is_settled(status):
            yield self._left_out(path, LeftOutReason.STILL_RECORDING)
        else:
            yield call

    def _listed_from(self, path: Path, notes: Notes, size: int) -> Listed:
        location, key = self._location(path), _shortened(self._shown(path))
        name = _NAME.fullmatch(path.stem)
        if len(location) > LONGEST_LOCATION:
            words = _("The file lies too deep in folders: its path is too long.")
            return Listed(key, "", size=size, problem=words)
        if not notes and name is None:
            words = _("Neither the file's name nor a file beside it says what call this is.")
            return Listed(key, location, size=size, problem=words)
        told = {**(_from_name(name) if name else {}), **listed_fields(notes)}
        # An exchange's names are its own IDs. Any other name may stand in several folders, and mean several calls.
        call_id = _readable(path.stem) if name else self._shown(path.with_suffix(""))
        return Listed(_shortened(call_id), location, size=size, **told)

    def examine(self, listed: Listed) -> Listed | LeftOut:
        size = listed.size or 0
        if size > settings.RECORDINGS_MAX_BYTES:
            return listed  # it will be refused for its size
        try:
            path = self._real_path(listed.location)
            with open_regular(path) as file:
                wav = read_wav_head(file)
        except OSError:
            return listed  # why it can't be read is told when it is fetched
        if wav and wav.is_unfinished:
            return LeftOut(listed.location, LeftOutReason.STILL_RECORDING)
        if wav:
            return replace(listed, duration=plausible_seconds(wav.seconds(size), size))
        if raw := RAW.get(path.suffix.lower()):
            return replace(listed, duration=size / raw.bytes_per_second)
        return replace(listed, duration=plausible_seconds(self._length(path), size))

    # Reading

    @contextmanager
    def open(self, location: str, *, start: int = 0, etag: str = "") -> Iterator[Media]:
        with self._opened(location) as file:
            before = os.fstat(file.fileno())
            yield Media(_chunks(file, start, before), start, before.st_size)

    def _opened(self, location: str) -> BinaryIO:
        self._check_that_it_is_there()
        try:
            return open_regular(self._real_path(location))
        except LinkToNowhere as error:
            raise ItemFailed(_("This is a link that leads nowhere."), code="not_a_file") from error
        except FileNotFoundError as error:
            raise ItemFailed(_("The recording isn't in its folder any more."), code="gone") from error
        except PermissionError as error:
            raise ItemFailed(_("The recording may not be read."), code="unreadable") from error
        except NotRegular as error:
            raise ItemFailed(_("This is no regular file."), code="not_a_file") from error
        except OSError as error:
            raise Interrupted(_reason(error)) from error

    def _check_that_it_is_there(self) -> None:
        """A share that was unmounted leaves another, empty folder in its place. Raises `SourceAway`."""
        try:
            inode = self._root.stat().st_ino
            if not self._root.is_dir():
                raise NotADirectoryError
        except OSError as error:
            words = _("There is no folder %(folder)s on the worker's machine.") % {"folder": self._root}
            raise SourceAway(words) from error
        if self._inode is None:
            self._inode = inode
        if inode != self._inode:
            raise SourceAway(_("The folder isn't there any more."))

    # Paths and what stands for them

    def _location(self, path: Path) -> str:
        """The path within the folder; quoted where it is no text that a database can keep."""
        within = str(path.relative_to(self._root))
        return within if within == clean(within) else QUOTED + quote_from_bytes(os.fsencode(within))

    def _real_path(self, location: str) -> Path:
        """The file itself, behind any links.

        Raises `OSError`: `FileNotFoundError` when it isn't there or out of the folder, `LinkToNowhere`.
        """
        within = os.fsdecode(unquote_to_bytes(location)) if location.startswith(QUOTED) else location
        path = self._root / within.lstrip(QUOTED)
        try:
            real = _behind(path)
        except OSError as error:
            if path.is_symlink() and error.errno in (errno.ENOENT, errno.ELOOP):
                raise LinkToNowhere from error
            raise
        if not real.is_relative_to(self._root):
            raise FileNotFoundError
        return real

    def _left_out(self, path: Path, reason: LeftOutReason) -> LeftOut:
        return LeftOut(self._shown(path), reason)

    def _shown(self, path: Path) -> str:
        return _readable(str(path.relative_to(self._root)))


def _allowed(folder: str) -> Path:
    """Raises `RunRejected` for a folder that the installation doesn't offer."""
    root = Path(folder).resolve()
    if not any(root.is_relative_to(Path(parent).resolve()) for parent in settings.RECORDINGS_FOLDERS):
        raise RunRejected(_("The folder %(folder)s is not within RECORDINGS_FOLDERS.") % {"folder": folder})
    return root


def _behind(path: Path) -> Path:
    """What the path leads to. Raises `OSError`.

    The kernel follows forty links at most: Python alone would follow a chain of thousands, anew for each of its links.
    """
    path.stat()
    return Path(os.path.realpath(path, strict=True))


def _reason(error: OSError) -> str:
    """The system's own words, without the path: that is no business of those who read them."""
    return error.strerror or str(error)


def plausible_seconds(seconds: float | None, size: int) -> float | None:
    """None for what a file of so many bytes can't last: heads are written by strangers, and the bar goes by them."""
    longest = min(size / FEWEST_BYTES_A_SECOND, settings.RECORDINGS_MAX_SECONDS)
    return seconds if seconds is not None and 0 < seconds <= longest else None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError):
        return entry.is_dir(follow_symlinks=False)
    return False


def _regular(status: os.stat_result) -> os.stat_result | LeftOutReason:
    return status if stat.S_ISREG(status.st_mode) else LeftOutReason.NOT_A_FILE


def _is_unfinished(file: BinaryIO) -> bool:
    wav = read_wav_head(file)
    return wav is not None and wav.is_unfinished


def _is_settled(status: os.stat_result) -> bool:
    """Nobody has written to it for a while.

    Exchanges write in blocks: Asterisk one of 32 KB, which is 20 seconds of GSM. A time that lies further ahead tells
    of a clock that is wrong, not of a call that goes on.
    """
    return abs(time.time() - status.st_mtime) >= settings.RECORDINGS_SETTLE_SECONDS


def _is_wanted(call: Listed, status: os.stat_result, period: Period, direction: str) -> bool:
    if direction and call.direction != direction and not call.problem:
        return False
    return (call.started_at or _modified_at(status)) in period


def _modified_at(status: os.stat_result) -> datetime:
    try:
        return datetime.fromtimestamp(status.st_mtime, UTC)
    except (ValueError, OverflowError, OSError):  # anybody may set it to anything
        return datetime.fromtimestamp(0, UTC)


def _from_name(name: re.Match[str]) -> dict[str, Any]:
    direction = _DIRECTIONS.get(name["kind"].lower(), "")
    number = name["to"] if direction == Direction.OUTBOUND else name["by"]
    # The time in the name is the exchange's local one; the ID's is the same in every zone.
    return {
        "direction": direction,
        "number": _readable(number)[:LONGEST_NUMBER],
        "started_at": datetime.fromtimestamp(int(name["epoch"]), UTC),
    }


def _readable(name: str) -> str:
    """With bytes that are no text written out, like `\\xe9`: two such names stay two."""
    return clean(name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))


def _shortened(name: str) -> str:
    """To the length of an ID; two long names stay two."""
    if len(name) <= LONGEST_ID:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{name[: LONGEST_ID - 17]}~{digest}"


def _chunks(file: BinaryIO, start: int, before: os.stat_result) -> Iterator[bytes]:
    """What the file had when it was opened. Raises `StillRecording` when somebody writes to it."""
    if not _is_settled(before):
        raise StillRecording
    try:
        if _is_unfinished(file):
            raise StillRecording
        left = before.st_size - file.seek(start)
        while left > 0 and (chunk := file.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk
        after = os.fstat(file.fileno())
    except OSError as error:
        raise Interrupted(_reason(error)) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise StillRecording
