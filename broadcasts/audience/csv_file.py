"""Audiences that are uploaded as CSV, as spreadsheets save them."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import IO, Final, Self

from django.utils.translation import gettext_lazy as _

from runs.text import clean

from ..messages import MAX_VARIABLE
from .rows import MAX_COLUMNS, Audience, Row, UnreadableAudience, check_count, clean_column_name

MAX_HEADER: Final = 10_000  # characters
MAX_ROW: Final = 131_072  # characters over all lines of a row; the csv module allows as many in a cell
PHONE_HEADERS: Final = frozenset(
    {"phone", "number", "mobile", "msisdn", "whatsapp", "tel", "cell", "phone number", "mobile number"}
    | {"טלפון", "נייד", "מספר", "מספר טלפון", "טלפון נייד", "סלולרי", "וואטסאפ"}
)


def read_csv(file: IO[bytes]) -> Audience:
    """A CSV file with a header; without one, the first column is the number and the second one the name.

    Raises `UnreadableAudience`.
    """
    text = io.TextIOWrapper(file, encoding=detect_encoding(file), newline="")
    rows = CSVRows(_read_first_line(text), text)
    header = [clean_column_name(cell) for cell in next(rows, [])]
    if len(header) > MAX_COLUMNS:
        raise UnreadableAudience(_("The file has too many columns."))
    lowered = [name.casefold() for name in header]
    phone_at = next((number for number, name in enumerate(lowered) if name in PHONE_HEADERS), None)
    if phone_at is not None:
        columns = [name for number, name in enumerate(header) if number != phone_at and name]
        return Audience(columns, iterate_rows(rows, header, phone_at, header_lines=1))
    if any(character.isdigit() for character in header[0]):  # a number: the file has no header
        names = ["phone", "name", *(str(number) for number in range(2, len(header)))][: len(header)]
        return Audience(names[1:], iterate_rows(chain([header], rows), names, 0, header_lines=0))
    raise UnreadableAudience(_("No column of the file is called “phone”."))


def detect_encoding(file: IO[bytes]) -> str:
    """Unicode where the bytes are valid, else the Hebrew code page of Windows."""
    start = file.read(4)
    file.seek(0)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read(1 << 16):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1255"
    finally:
        file.seek(0)
    return "utf-8-sig"


def _read_first_line(text: IO[str]) -> str:
    try:
        first = text.readline(MAX_HEADER)
    except UnicodeError as error:
        raise UnreadableAudience(_("The file can't be read as CSV.")) from error
    if not first.strip():
        raise UnreadableAudience(_("The file is empty."))
    if len(first) == MAX_HEADER:
        raise UnreadableAudience(_("A row of the file is too long."))
    return first


class CSVRows:
    """The rows of a CSV whose first line was read already; each is bounded, even if quotes span many lines.

    Raises `UnreadableAudience`.
    """

    def __init__(self, first: str, text: IO[str]) -> None:
        self._text = text
        self._characters_left = MAX_ROW
        delimiter = max(",;\t", key=first.count)
        self._rows = csv.reader(chain([first], iter(self._read_line, "")), delimiter=delimiter)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[str]:
        self._characters_left = MAX_ROW
        try:
            return next(self._rows)
        except (csv.Error, UnicodeError) as error:
            raise UnreadableAudience(_("The file can't be read as CSV.")) from error

    def _read_line(self) -> str:
        line = self._text.readline(self._characters_left + 1)
        self._characters_left -= len(line)
        if self._characters_left < 0:
            raise UnreadableAudience(_("A row of the file is too long."))
        return line


def iterate_rows(
    lines: Iterable[list[str]], names: Sequence[str], phone_at: int, *, header_lines: int
) -> Iterator[Row]:
    columns = [(number, name) for number, name in enumerate(names) if number != phone_at and name]
    for count, cells in enumerate(lines, start=1):
        check_count(count)
        if not any(map(str.strip, cells)):
            continue
        width = len(cells)
        variables = {name: clean(cells[number].strip(), MAX_VARIABLE) for number, name in columns if number < width}
        yield Row(count + header_lines, cells[phone_at] if phone_at < width else "", variables)
