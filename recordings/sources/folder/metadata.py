"""Metadata beside recordings: a JSON file of the same name, or the folder's `calls.csv`.

Strangers may have written it: it is read up to a size, in one pass, and only short texts are used.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Container, Iterator
from datetime import datetime
from typing import Any, Final

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from runs.text import clean

from ...regular_files import open_regular
from .. import Beat, Direction
from .file_names import MAX_NUMBER_LENGTH

MAX_JSON_BYTES: Final = 64 * 1024
MAX_CSV_BYTES: Final = 16 * 1024 * 1024
ROWS_PER_BEAT: Final = 1000
COLUMNS: Final = ("direction", "number", "started_at")
MAX_TIME_LENGTH: Final = 64
# Other times can't be converted between time zones, or can't be stored by the database.
YEARS: Final = range(1900, 2200)

Metadata = dict[str, str]


class UnreadableMetadata(Exception):
    """The file can't be read, or only in part."""


def read_json_metadata(name: str, folder: int) -> Metadata:
    """`folder` is its descriptor. Empty if there is none. Raises `UnreadableMetadata`."""
    try:
        fields = json.loads(read_limited(name, folder, MAX_JSON_BYTES) or b"{}")
    except (ValueError, RecursionError) as error:
        raise UnreadableMetadata from error
    if not isinstance(fields, dict):
        raise UnreadableMetadata
    # Not `str` of a list or an object: that takes as long as somebody nested it deep.
    return {
        name: str(fields[name]) if isinstance(fields[name], str | int | float) else ""
        for name in COLUMNS
        if name in fields
    }


class CsvMetadata:
    """The rows of a `calls.csv` about some files; `is_complete` is false if not all of it could be read."""

    def __init__(self, name: str, folder: int, files: Container[str], beat: Beat) -> None:
        self.rows: dict[str, Metadata] = {}
        self.is_complete = True
        try:
            # File names in another encoding must become what the folder lists for the same bytes.
            text = read_limited(name, folder, MAX_CSV_BYTES).decode("utf-8-sig", "surrogateescape")
            self._read_rows(csv.reader(io.StringIO(text, newline="")), files, beat)
        except (UnreadableMetadata, csv.Error):
            self.is_complete = False

    def _read_rows(self, rows: Iterator[list[str]], files: Container[str], beat: Beat) -> None:
        # Not csv.DictReader: it pads short rows, which takes for ever under a header of a million columns.
        header = next(rows, [])
        columns = {name: header.index(name) for name in ("file", *COLUMNS) if name in header}
        for number, row in enumerate(rows):
            if number % ROWS_PER_BEAT == 0:
                beat()
            metadata: Metadata = {name: row[column] for name, column in columns.items() if column < len(row)}
            if (file := metadata.pop("file", "")) in files:
                self.rows[file] = metadata


def read_limited(name: str, folder: int, limit: int) -> bytes:
    """Empty if there is no file. Raises `UnreadableMetadata`, also if it is longer than the limit."""
    try:
        with open_regular(name, folder) as file:
            raw = file.read(limit + 1)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise UnreadableMetadata from error
    if len(raw) > limit:
        raise UnreadableMetadata
    return raw


def call_fields_of(metadata: Metadata) -> dict[str, Any]:
    """The fields of a `ListedCall` in the metadata; invalid ones are ignored."""
    fields: dict[str, Any] = {}
    if metadata.get("direction") in Direction.values:
        fields["direction"] = metadata["direction"]
    if number := clean(metadata.get("number", ""), MAX_NUMBER_LENGTH):
        fields["number"] = number
    if started_at := parse_start_time(metadata.get("started_at", "")):
        fields["started_at"] = started_at
    return fields


def parse_start_time(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text[:MAX_TIME_LENGTH])
        if moment is None or moment.year not in YEARS:
            return None
        return timezone.make_aware(moment) if timezone.is_naive(moment) else moment
    except (ValueError, OverflowError):
        return None
