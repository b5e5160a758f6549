"""A folder that a telephone exchange fills, as Asterisk and FreePBX do.

What is known of a call stands in the file's name, or beside it: in a JSON file of the same name, or in
the folder's `calls.csv`, by the columns `file`, `direction`, `number`, `started_at`.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from runs.exceptions import ItemFailed, RunRejected

from ..audio import length
from . import Direction, Interrupted, Listed, Media, Period

CHUNK: Final = 1024 * 1024
CSV_NAME: Final = "calls.csv"
AUDIO: Final = {".wav", ".mp3", ".gsm", ".ogg", ".opus", ".m4a", ".flac", ".webm", ".wav49"}

# kind - whom the exchange rang - who rang - day - time - the channel's own ID, which begins with its second
_NAME = re.compile(
    r"(?P<kind>[a-z]+)-(?P<to>[^-]*)-(?P<by>[^-]*)-(?P<day>\d{8})-(?P<time>\d{6})-(?P<epoch>\d{9,10})\.\d+",
    re.IGNORECASE,
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


class Folder:
    def __init__(self, folder: str) -> None:
        self._root = _allowed(folder)

    def calls(self, period: Period, direction: str) -> Iterator[Listed]:
        for place, folders, names in os.walk(self._root, onerror=_refuse):
            folders.sort()
            notes = _csv_notes(Path(place, CSV_NAME))
            for name in sorted(names):
                path = Path(place, name)
                if path.suffix.lower() in AUDIO and not path.is_symlink():
                    call = self._told(path, _json_notes(path) or notes.get(name, {}))
                    if _is_wanted(call, path, period, direction):
                        yield call

    def _told(self, path: Path, notes: Mapping[str, Any]) -> Listed:
        location = str(path.relative_to(self._root))
        name = _NAME.fullmatch(path.stem)
        if not notes and name is None:
            words = _("Neither the file's name nor a file beside it says what call this is.")
            return Listed(path.name, location, problem=words)
        told = {**(_from_name(name) if name else {}), **_from_notes(notes)}
        return Listed(call_id=path.stem[:200], location=location, duration=length(path), **told)

    @contextmanager
    def open(self, location: str, *, start: int = 0, etag: str = "") -> Iterator[Media]:
        path = (self._root / location).resolve()
        if not path.is_relative_to(self._root):
            raise ItemFailed(_("The recording isn't in its folder any more."), code="gone")
        try:
            with path.open("rb") as file:
                file.seek(start)
                yield Media(_chunks(file), start, os.fstat(file.fileno()).st_size)
        except FileNotFoundError as error:
            raise ItemFailed(_("The recording isn't in its folder any more."), code="gone") from error
        except OSError as error:
            raise Interrupted(error.strerror or "") from error


def _allowed(folder: str) -> Path:
    """Raises `RunRejected` for a folder that isn't there, or that the installation doesn't offer."""
    root = Path(folder).resolve()
    if not any(root.is_relative_to(Path(parent).resolve()) for parent in settings.RECORDINGS_FOLDERS):
        raise RunRejected(_("The folder %(folder)s is not within RECORDINGS_FOLDERS.") % {"folder": folder})
    if not root.is_dir():
        raise RunRejected(_("There is no folder %(folder)s on the worker's machine.") % {"folder": folder})
    return root


def _refuse(error: OSError) -> None:
    raise RunRejected(_("The folder can't be read: %(reason)s.") % {"reason": error.strerror}) from error


def _is_wanted(call: Listed, path: Path, period: Period, direction: str) -> bool:
    if direction and call.direction != direction and not call.problem:
        return False
    moment = call.started_at or datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return moment in period


def _from_name(name: re.Match[str]) -> dict[str, Any]:
    direction = _DIRECTIONS.get(name["kind"].lower(), "")
    number = name["to"] if direction == Direction.OUTBOUND else name["by"]
    # The time in the name is the exchange's local one; the ID's is the same in every zone.
    return {
        "direction": direction,
        "number": number,
        "started_at": datetime.fromtimestamp(int(name["epoch"]), UTC),
    }


def _from_notes(notes: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if notes.get("direction") in Direction.values:
        told["direction"] = str(notes["direction"])
    if notes.get("number"):
        told["number"] = str(notes["number"])[:64]
    if moment := _moment(str(notes.get("started_at", ""))):
        told["started_at"] = moment
    return told


def _moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return timezone.make_aware(moment) if moment and timezone.is_naive(moment) else moment


def _json_notes(path: Path) -> dict[str, Any]:
    try:
        notes = json.loads(path.with_suffix(".json").read_bytes())
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}


def _csv_notes(path: Path) -> dict[str, dict[str, Any]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return {row.get("file") or "": dict(row) for row in csv.DictReader(file)}
    except (OSError, ValueError, csv.Error):
        return {}


def _chunks(file: Any) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk
