"""Recordings in a folder, the source of the kind `folder`.

A call's metadata is in the file's name or beside it: in a JSON file of the same name, or in the folder's `calls.csv`,
by the columns `file`, `direction`, `number`, `started_at`.

Anybody who can write to the folder may have placed anything there. Listing reads types, sizes and names; only regular
files are opened, and only new recordings are examined.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from django.conf import settings
from django.utils.translation import gettext as _

from runs.exceptions import ItemFailed

from ...audio.formats import RAW_BY_ENDING, UNREADABLE_ENDINGS
from ...audio.wav import read_wav_header
from ...regular_files import NotRegular
from .. import Beat, Interrupted, LeftOut, LeftOutReason, ListedCall, Media, Period
from .file_names import parse_exchange_name, printable_name, shorten_id
from .metadata import CsvMetadata, Metadata, UnreadableMetadata, call_fields_of, read_json_metadata
from .reading import is_settled, read_chunks, reason_of
from .root import DanglingLink, FolderRoot
from .walk import FolderWalk, OpenFolder

CSV_NAME: Final = "calls.csv"
MAX_LOCATION_LENGTH: Final = 1000
MIN_BYTES_PER_SECOND: Final = 50  # of any codec for speech

ReadDuration = Callable[[Path], float | None]  # in seconds, as the recording's header states it


class FolderSource:
    """`read_duration` is called for formats whose header isn't read here."""

    def __init__(self, folder: str, *, beat: Beat, read_duration: ReadDuration) -> None:
        self._root = FolderRoot(folder)
        self._beat = beat
        self._read_duration = read_duration

    def check(self) -> None:
        """Raises `RunRejected`, `SourceAway`."""
        self._root.check_presence()

    def list_calls(self, period: Period, direction: str) -> Iterator[ListedCall | LeftOut]:
        self._root.check_presence()
        walk = FolderWalk(self._root, self._beat)
        for found in walk.walk_folders():
            if isinstance(found, LeftOut):
                yield found
                continue
            csv_metadata = CsvMetadata(CSV_NAME, found.descriptor, found.names, self._beat)
            if not csv_metadata.is_complete:
                yield self._root.leave_out(found.path / CSV_NAME, LeftOutReason.UNREADABLE_NOTES)
            for entry in found.entries:
                self._beat()
                status = walk.stat_recording(found, entry)
                if isinstance(status, LeftOutReason):
                    yield self._root.leave_out(found.path / entry.name, status)
                elif status is not None:
                    metadata = csv_metadata.rows.get(entry.name, {})
                    yield from self._list_recording(found, entry.name, status, metadata, period, direction)

    def _list_recording(
        self,
        folder: OpenFolder,
        name: str,
        status: os.stat_result,
        metadata: Metadata,
        period: Period,
        direction: str,
    ) -> Iterator[ListedCall | LeftOut]:
        """Yield the call if it is of the period and direction, and what is left out of the files that belong to it."""
        path = folder.path / name
        sidecar = path.with_suffix(".json")
        if sidecar.name in folder.names:
            try:
                metadata = read_json_metadata(sidecar.name, folder.descriptor) or metadata
            except UnreadableMetadata:
                yield self._root.leave_out(sidecar, LeftOutReason.UNREADABLE_NOTES)
        call = self._identify_call(path, metadata, status.st_size)
        if direction and call.direction != direction and not call.problem:
            return
        if (call.started_at or modification_time(status)) not in period:
            return
        if path.suffix.lower() in UNREADABLE_ENDINGS:
            yield self._root.leave_out(path, LeftOutReason.UNKNOWN_KIND)
        elif not is_settled(status):
            yield self._root.leave_out(path, LeftOutReason.STILL_RECORDING)
        else:
            yield call

    def _identify_call(self, path: Path, metadata: Metadata, size: int) -> ListedCall:
        location, key = self._root.location_of(path), shorten_id(self._root.display_path(path))
        name_fields = parse_exchange_name(path.stem)
        if len(location) > MAX_LOCATION_LENGTH:
            problem = _("The file's path is too long.")
            return ListedCall(key, "", size=size, problem=problem)
        if not metadata and name_fields is None:
            problem = _("Neither the file's name nor a file beside it says what call this is.")
            return ListedCall(key, location, size=size, problem=problem)
        # An exchange's names are unique IDs. Any other name may be in several folders, for different calls.
        is_unique = name_fields is not None
        call_id = printable_name(path.stem) if is_unique else self._root.display_path(path.with_suffix(""))
        fields = {**(name_fields or {}), **call_fields_of(metadata)}
        return ListedCall(shorten_id(call_id), location, size=size, **fields)

    def examine_recording(self, listed: ListedCall) -> ListedCall | LeftOut:
        size = listed.size or 0
        if size > settings.RECORDINGS_MAX_BYTES:
            return listed  # the download will fail it for its size
        try:
            path = self._root.resolve_location(listed.location)
            with self._root.open_file(path) as file:
                wav = read_wav_header(file)
        except OSError:
            return listed  # the download will fail it with the reason
        if wav and wav.is_unfinished:
            return LeftOut(listed.location, LeftOutReason.STILL_RECORDING)
        if wav:
            return replace(listed, duration=plausible_duration(wav.duration_of(size), size))
        if raw := RAW_BY_ENDING.get(path.suffix.lower()):
            return replace(listed, duration=size / raw.bytes_per_second)
        return replace(listed, duration=plausible_duration(self._read_duration(path), size))

    @contextmanager
    def open_recording(self, location: str, *, start: int = 0, etag: str = "") -> Iterator[Media]:
        with self._open_file(location) as file:
            before = os.fstat(file.fileno())
            yield Media(read_chunks(file, start, before), start, before.st_size)

    def _open_file(self, location: str) -> BinaryIO:
        self._root.check_presence()
        try:
            return self._root.open_file(self._root.resolve_location(location))
        except DanglingLink as error:
            raise ItemFailed(_("This is a link that leads nowhere."), code="not_a_file") from error
        except FileNotFoundError as error:
            raise ItemFailed(_("The recording isn't in its folder any more."), code="gone") from error
        except PermissionError as error:
            raise ItemFailed(_("The recording may not be read."), code="unreadable") from error
        except NotRegular as error:
            raise ItemFailed(_("This isn't a regular file."), code="not_a_file") from error
        except OSError as error:
            raise Interrupted(reason_of(error)) from error


def plausible_duration(seconds: float | None, size: int) -> float | None:
    """None if a file of this size can't be so long: strangers write the headers, and progress bars depend on them."""
    longest = min(size / MIN_BYTES_PER_SECOND, settings.RECORDINGS_MAX_SECONDS)
    return seconds if seconds is not None and 0 < seconds <= longest else None


def modification_time(status: os.stat_result) -> datetime:
    try:
        return datetime.fromtimestamp(status.st_mtime, UTC)
    except (ValueError, OverflowError, OSError):  # anybody may have set it to anything
        return datetime.fromtimestamp(0, UTC)
