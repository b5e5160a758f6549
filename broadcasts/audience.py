"""Whom a broadcast is for: numbers that were pasted, uploaded as CSV or given in JSON.

Rows come one at a time and go to the table by COPY, a batch at a time: a hundred thousand of them
take no more memory than a thousand, but for the set of numbers already seen.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import IO, Any, Self

from django.conf import settings
from django.db import connection, models, transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from runs.states import ItemStatus
from runs.text import clean

from .messages import MAX_TEXT, MAX_VARIABLE, RenderedLength, columns_of
from .models import OptOut, ProviderAccount, Recipient, WhatsAppBroadcast
from .numbers import e164

BATCH = 5_000
BATCH_CHARACTERS = 1_000_000  # what a batch holds in memory, besides its rows
MAX_COLUMNS = 50
MAX_NAME = 60  # characters of a column's name
MAX_HEADER = 10_000  # characters
MAX_ROW = 131_072  # characters of a CSV's row, over all its lines; the csv module allows a cell as many
MAX_WRITTEN = 40  # characters of a number as it was written
PHONE_HEADERS = frozenset(
    {"phone", "number", "mobile", "msisdn", "whatsapp", "tel", "cell", "phone number", "mobile number"}
    | {"טלפון", "נייד", "מספר", "מספר טלפון", "טלפון נייד", "סלולרי", "וואטסאפ"}
)
_PASTED = re.compile(r"[^,;\n\r\t]+")

# Why somebody in the audience gets no message.
SKIPPED = {
    "invalid": gettext_noop("Not a phone number."),
    "duplicate": gettext_noop("The same number as in an earlier line."),
    "opted_out": gettext_noop("Has asked for no more messages."),
    "incomplete": gettext_noop("A variable of the message is missing."),
    "too_long": gettext_noop("The message would be longer than 4,096 characters."),
}


class UnreadableAudience(ValueError):
    """The file isn't one that can be read; the words are for its owner."""


@dataclass(slots=True)
class Row:
    """One line of an audience, as it was written. Never changed; frozen ones take three times as long to make."""

    line: int
    phone: str
    variables: dict[str, str]


@dataclass
class Audience:
    """Lines with the names of their columns, besides that of the number; to be read once."""

    columns: list[str]
    rows: Iterator[Row]


@dataclass
class Counts:
    valid: int = 0
    skipped: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SKIPPED, 0))

    @property
    def total(self) -> int:
        return self.valid + sum(self.skipped.values())

    def as_json(self) -> dict[str, int]:
        return {"total": self.total, "valid": self.valid, **self.skipped}


# Reading


def pasted(text: str) -> Audience:
    """Numbers between commas, semicolons, tabs or ends of lines. Its rows raise `UnreadableAudience`."""

    def rows() -> Iterator[Row]:
        for count, part in enumerate(_PASTED.finditer(text), start=1):
            _check_count(count)
            if phone := part[0].strip():
                yield Row(count, phone, {})

    return Audience([], rows())


def listed(recipients: Sequence[Any]) -> Audience:
    """JSON: strings, or objects with `phone` and the variables. Raises `UnreadableAudience`."""
    _check_count(len(recipients))
    names = (name for one in recipients if isinstance(one, Mapping) for name in one if name != "phone")
    columns = list(dict.fromkeys(filter(None, map(_column_name, dict.fromkeys(names)))))
    if len(columns) > MAX_COLUMNS:
        raise UnreadableAudience(_("The recipients have too many variables."))

    def rows() -> Iterator[Row]:
        for line, one in enumerate(recipients, start=1):
            said = one if isinstance(one, Mapping) else {"phone": one}
            variables = {_column_name(name): _variable(value) for name, value in said.items() if name != "phone"}
            yield Row(line, _written(said.get("phone")), variables)

    return Audience(columns, rows())


def _column_name(written: str) -> str:
    return clean(written.strip(), MAX_NAME)


def _variable(value: object) -> str:
    return clean(_written(value).strip(), MAX_VARIABLE)


def _written(value: object) -> str:
    return "" if value is None else str(value)


def _check_count(rows: int) -> None:
    """Blank ones count too: reading them is work. Raises `UnreadableAudience`."""
    if rows > settings.WHATSAPP_MAX_RECIPIENTS:
        raise UnreadableAudience(
            _("More than %(count)d recipients. Make several broadcasts of them.")
            % {"count": settings.WHATSAPP_MAX_RECIPIENTS}
        )


def uploaded(file: IO[bytes]) -> Audience:
    """CSV with a header; without one, the first column is the number and the next the name.

    Raises `UnreadableAudience`, also while its rows are read.
    """
    text = io.TextIOWrapper(file, encoding=_encoding(file), newline="")
    try:
        first = text.readline(MAX_HEADER)
    except UnicodeError as error:
        raise UnreadableAudience(_("The file can't be read as CSV.")) from error
    if not first.strip():
        raise UnreadableAudience(_("The file is empty."))
    if len(first) == MAX_HEADER:
        raise UnreadableAudience(_("A row of the file is too long."))
    lines = _CSV(first, text)
    header = [_column_name(cell) for cell in next(lines, [])]
    if len(header) > MAX_COLUMNS:
        raise UnreadableAudience(_("The file has too many columns."))
    lowered = [name.casefold() for name in header]
    place = next((number for number, name in enumerate(lowered) if name in PHONE_HEADERS), None)
    if place is not None:
        columns = [name for number, name in enumerate(header) if number != place and name]
        return Audience(columns, _rows(lines, header, place, header_lines=1))
    if any(character.isdigit() for character in header[0]):  # a number already
        names = ["phone", "name", *(str(number) for number in range(2, len(header)))][: len(header)]
        return Audience(names[1:], _rows(chain([header], lines), names, 0, header_lines=0))
    raise UnreadableAudience(_("No column of the file is called “phone”."))


def _encoding(file: IO[bytes]) -> str:
    """Of a file that a spreadsheet has saved: Unicode, or else Windows' Hebrew."""
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


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)


class _CSV:
    """The rows of a CSV whose first line was read already. None may be endless, be it one line or many in quotes.

    Raises `UnreadableAudience`.
    """

    def __init__(self, first: str, text: IO[str]) -> None:
        self._text = text
        self._room = MAX_ROW
        self._rows = csv.reader(chain([first], iter(self._line, "")), delimiter=_delimiter(first))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[str]:
        self._room = MAX_ROW
        try:
            return next(self._rows)
        except (csv.Error, UnicodeError) as error:
            raise UnreadableAudience(_("The file can't be read as CSV.")) from error

    def _line(self) -> str:
        line = self._text.readline(self._room + 1)
        self._room -= len(line)
        if self._room < 0:
            raise UnreadableAudience(_("A row of the file is too long."))
        return line


def _rows(lines: Iterable[list[str]], names: Sequence[str], place: int, *, header_lines: int) -> Iterator[Row]:
    columns = [(number, name) for number, name in enumerate(names) if number != place and name]
    for count, cells in enumerate(lines, start=1):
        _check_count(count)
        if not any(map(str.strip, cells)):
            continue
        width = len(cells)
        variables = {name: clean(cells[number].strip(), MAX_VARIABLE) for number, name in columns if number < width}
        yield Row(count + header_lines, cells[place] if place < width else "", variables)


# Sorting out


@dataclass(slots=True)
class Sorted:
    """A line and its number, E.164 where it is one; `code` says why it gets no message, if so."""

    row: Row
    phone: str
    code: str = ""

    @property
    def key(self) -> str:
        """Unique in its broadcast: only skipped ones may bear a number that another has too."""
        return f"{self.phone} ({self.row.line})" if self.code else self.phone


class Sorter:
    """Tells who gets the message and who doesn't, and counts them; for the lines of one audience."""

    def __init__(self, account: ProviderAccount, text: str, audience: Audience) -> None:
        self.counts = Counts()
        self._account, self._rows = account, audience.rows
        self._needed = columns_of(text, audience.columns)
        self._length = RenderedLength.of(text, audience.columns)
        self._seen: set[int] = set()  # numbers, as integers: they take a third of the room

    def batches(self) -> Iterator[list[Sorted]]:
        """Raises `UnreadableAudience`."""
        for rows in _batches(self._rows):
            batch = [self._sorted(row) for row in rows]
            self._leave_out_opted_out(batch)
            for one in batch:
                self._count(one)
            yield batch

    def _sorted(self, row: Row) -> Sorted:
        phone = e164(row.phone, self._account.country)
        if phone is None:
            return Sorted(row, clean(row.phone.strip(), MAX_WRITTEN), "invalid")
        if int(phone) in self._seen:
            return Sorted(row, phone, "duplicate")
        self._seen.add(int(phone))
        if not all(row.variables.get(name) for name in self._needed):
            return Sorted(row, phone, "incomplete")
        if self._length.given(row.variables) > MAX_TEXT:
            return Sorted(row, phone, "too_long")
        return Sorted(row, phone)

    def _leave_out_opted_out(self, batch: list[Sorted]) -> None:
        phones = [one.phone for one in batch if not one.code]
        in_force = OptOut.objects.in_force().filter(business=self._account.business_id)
        # As one array: with `phone__in` Django would look at, and quote, each of thousands by itself.
        rows = in_force.extra(where=["phone = ANY(%s)"], params=[phones])
        opted_out = set(rows.values_list("phone", flat=True))
        for one in batch:
            if not one.code and one.phone in opted_out:
                one.code = "opted_out"

    def _count(self, one: Sorted) -> None:
        if one.code:
            self.counts.skipped[one.code] += 1
        else:
            self.counts.valid += 1


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Some thousands of rows each, fewer where they are long: a batch is all that is held of an audience."""
    batch: list[Row] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += len(row.phone) + sum(map(len, row.variables.values()))
        if len(batch) == BATCH or characters > BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


# Keeping

_COLUMNS = ("run_id", "key", "status", "error_code", "error_message", "attempts", "phone", "variables")


def store_recipients(run: WhatsAppBroadcast, batches: Iterable[list[Sorted]]) -> None:
    """Each batch is a statement of its own, so that none meets the limit on a statement's time."""
    table = connection.ops.quote_name(Recipient._meta.db_table)
    pending, skipped = ItemStatus.PENDING.value, ItemStatus.SKIPPED.value
    as_json = json.JSONEncoder(ensure_ascii=False).encode
    for batch in batches:
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY {table} ({', '.join(_COLUMNS)}) FROM STDIN") as copy,
        ):
            for one in batch:
                status = skipped if one.code else pending
                words = SKIPPED[one.code] if one.code else ""
                copy.write_row((run.pk, one.key, status, one.code, words, 0, one.phone, as_json(one.row.variables)))


def leave_out_opted_out(run: WhatsAppBroadcast) -> None:
    """Whoever has opted out since the audience was made gets nothing. Safe to repeat."""
    opted_out = OptOut.objects.in_force().filter(business=run.business_id).values("phone")
    skip(Recipient.objects.filter(run=run, phone__in=opted_out), "opted_out")


def skip(recipients: models.QuerySet[Recipient], code: str) -> None:
    """Skip those of these who are still pending, and count them; so no worker begins them any more."""
    with transaction.atomic():
        pending = recipients.filter(status=ItemStatus.PENDING)
        runs = WhatsAppBroadcast.objects.filter(pk__in=set(pending.values_list("run_id", flat=True))).locked()
        rows = pending.filter(run__in=runs).order_by("pk").select_for_update(of=("self",), no_key=True)
        found = list(rows.values_list("pk", "run_id"))
        Recipient.objects.filter(pk__in=[pk for pk, _run in found]).update(
            status=ItemStatus.SKIPPED, error_code=code, error_message=SKIPPED[code]
        )
        for run_id, count in Counter(run_id for _pk, run_id in found).items():
            WhatsAppBroadcast.objects.filter(pk=run_id).update(
                processed=models.F("processed") + count,
                skipped=models.F("skipped") + count,
                version=models.F("version") + 1,
            )
