"""What stands beside recordings about them: a JSON file of the same name, or the folder's `calls.csv`.

Written by whoever can write there. It is read up to a size, in one pass, and nothing but short texts comes out of it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Container, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from runs.text import clean

from ...regular_files import open_regular
from .. import Beat, Direction

MAX_JSON_BYTES: Final = 64 * 1024
MAX_CSV_BYTES: Final = 16 * 1024 * 1024
ROWS_A_BEAT: Final = 1000
COLUMNS: Final = ("direction", "number", "started_at")
LONGEST_NUMBER: Final = 64
LONGEST_MOMENT: Final = 64
# Beyond these, a moment can't be converted between time zones, or the database can't keep it.
YEARS: Final = range(1900, 2200)

Notes = dict[str, str]


class UnreadableNotes(Exception):
    """What stands there isn't to be read, or only in part."""


def read_json_notes(path: Path) -> Notes:
    """Empty where there are none. Raises `UnreadableNotes`."""
    try:
        told = json.loads(_read(path, MAX_JSON_BYTES) or b"{}")
    except (ValueError, RecursionError) as error:
        raise UnreadableNotes from error
    if not isinstance(told, dict):
        raise UnreadableNotes
    return {name: _text(told[name]) for name in COLUMNS if name in told}


class CsvNotes:
    """The rows of a `calls.csv` that are about some files; `is_whole` says whether all of it could be read."""

    def __init__(self, path: Path, files: Container[str], beat: Beat) -> None:
        self.rows: dict[str, Notes] = {}
        self.is_whole = True
        try:
            # Names in another encoding are the bytes that the folder has.
            text = _read(path, MAX_CSV_BYTES).decode("utf-8-sig", "surrogateescape")
            self._take(csv.reader(io.StringIO(text, newline="")), files, beat)
        except (UnreadableNotes, csv.Error):
            self.is_whole = False

    def _take(self, rows: Iterator[list[str]], files: Container[str], beat: Beat) -> None:
        # Not csv.DictReader: it fills up short rows, which a head of a million columns makes endless.
        head = next(rows, [])
        places = {name: head.index(name) for name in ("file", *COLUMNS) if name in head}
        for number, row in enumerate(rows):
            if number % ROWS_A_BEAT == 0:
                beat()
            told: Notes = {name: row[place] for name, place in places.items() if place < len(row)}
            if (file := told.pop("file", "")) in files:
                self.rows[file] = told


def _read(path: Path, limit: int) -> bytes:
    """Empty where there is nothing. Raises `UnreadableNotes`."""
    try:
        with open_regular(path) as file:
            raw = file.read(limit + 1)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise UnreadableNotes from error
    if len(raw) > limit:
        raise UnreadableNotes
    return raw


def listed_fields(notes: Notes) -> dict[str, Any]:
    """The fields of a `Listed` that these notes tell; what makes no sense is as if it weren't there."""
    told: dict[str, Any] = {}
    if notes.get("direction") in Direction.values:
        told["direction"] = notes["direction"]
    if number := clean(notes.get("number", ""), LONGEST_NUMBER):
        told["number"] = number
    if moment := _parse_time(notes.get("started_at", "")):
        told["started_at"] = moment
    return told


def _text(value: Any) -> str:
    """A list or an object is no text: writing it out would take as long as somebody cared to nest it."""
    return str(value) if isinstance(value, str | int | float) else ""


def _parse_time(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text[:LONGEST_MOMENT])
        if moment is None or moment.year not in YEARS:
            return None
        return timezone.make_aware(moment) if timezone.is_naive(moment) else moment
    except (ValueError, OverflowError):
        return None
