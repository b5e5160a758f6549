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
from itertools import chain, islice
from typing import IO, Any

from django.conf import settings
from django.db import connection, models, transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from runs.progress import clean
from runs.states import ItemStatus

from .messages import MAX_VARIABLE, columns_of
from .models import OptOut, ProviderAccount, Recipient, WhatsAppBroadcast
from .numbers import e164

BATCH = 5_000
MAX_COLUMNS = 50
MAX_HEADER = 10_000  # characters
MAX_WRITTEN = 40  # characters of a number as it was written
PHONE_HEADERS = frozenset(
    {"phone", "number", "mobile", "msisdn", "whatsapp", "tel", "cell", "phone number", "mobile number"}
    | {"טלפון", "נייד", "מספר", "מספר טלפון", "טלפון נייד", "סלולרי", "וואטסאפ"}
)
SEPARATORS = re.compile(r"[,;\n\r\t]+")

# Why somebody in the audience gets no message.
SKIPPED = {
    "invalid": gettext_noop("Not a phone number."),
    "duplicate": gettext_noop("The same number as in an earlier line."),
    "opted_out": gettext_noop("Has asked for no more messages."),
    "incomplete": gettext_noop("A variable of the message is missing."),
}


class UnreadableAudience(ValueError):
    """The file isn't one that can be read; the words are for its owner."""


@dataclass(frozen=True)
class Row:
    """One line of an audience, as it was written."""

    line: int
    phone: str
    variables: Mapping[str, str]


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
    """Numbers between commas, semicolons, tabs or ends of lines."""
    written = (part.strip() for part in SEPARATORS.split(text))
    rows = (Row(line, phone, {}) for line, phone in enumerate(filter(None, written), start=1))
    return Audience([], rows)


def listed(recipients: Sequence[Any]) -> Audience:
    """JSON: strings, or objects with `phone` and the variables."""
    objects = [one for one in recipients if isinstance(one, Mapping)]
    columns = list(dict.fromkeys(name for one in objects for name in one if name != "phone"))

    def rows() -> Iterator[Row]:
        for line, one in enumerate(recipients, start=1):
            said = one if isinstance(one, Mapping) else {"phone": one}
            yield Row(line, str(said.get("phone", "")), {str(k): str(v) for k, v in said.items() if k != "phone"})

    return Audience(columns, rows())


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
    lines = csv.reader(chain([first], text), delimiter=_delimiter(first))
    header = [clean(cell.strip(), 60) for cell in _next(lines) or []]
    if len(header) > MAX_COLUMNS:
        raise UnreadableAudience(_("The file has too many columns."))
    lowered = [name.casefold() for name in header]
    place = next((number for number, name in enumerate(lowered) if name in PHONE_HEADERS), None)
    if place is not None:
        columns = [name for number, name in enumerate(header) if number != place and name]
        return Audience(columns, _rows(lines, header, place, start=2))
    if any(character.isdigit() for character in header[0]):  # a number already
        names = ["phone", "name", *(str(number) for number in range(2, len(header)))][: len(header)]
        return Audience(names[1:], _rows(chain([header], lines), names, 0, start=1))
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


def _next(lines: Iterator[list[str]]) -> list[str] | None:
    """Raises `UnreadableAudience`."""
    try:
        return next(lines, None)
    except (csv.Error, UnicodeError) as error:
        raise UnreadableAudience(_("The file can't be read as CSV.")) from error


def _rows(lines: Iterator[list[str]], names: Sequence[str], place: int, *, start: int) -> Iterator[Row]:
    line = start - 1
    while (cells := _next(lines)) is not None:
        line += 1
        if not any(cell.strip() for cell in cells):
            continue
        variables = {
            name: clean(cell.strip(), MAX_VARIABLE)
            for number, (name, cell) in enumerate(zip(names, cells, strict=False))
            if number != place and name
        }
        yield Row(line, cells[place] if place < len(cells) else "", variables)


# Sorting out


@dataclass
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
        self._seen: set[int] = set()  # numbers, as integers: they take a third of the room

    def batches(self) -> Iterator[list[Sorted]]:
        """Raises `UnreadableAudience`."""
        while rows := list(islice(self._rows, BATCH)):
            batch = [self._sorted(row) for row in rows]
            self._leave_out_opted_out(batch)
            for one in batch:
                self._count(one)
            if self.counts.total > settings.WHATSAPP_MAX_RECIPIENTS:
                raise UnreadableAudience(
                    _("More than %(count)d recipients. Make several broadcasts of them.")
                    % {"count": settings.WHATSAPP_MAX_RECIPIENTS}
                )
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
        return Sorted(row, phone)

    def _leave_out_opted_out(self, batch: list[Sorted]) -> None:
        phones = [one.phone for one in batch if not one.code]
        opted_out = set(
            OptOut.objects.filter(business=self._account.business_id, phone__in=phones).values_list("phone", flat=True)
        )
        for one in batch:
            if not one.code and one.phone in opted_out:
                one.code = "opted_out"

    def _count(self, one: Sorted) -> None:
        if one.code:
            self.counts.skipped[one.code] += 1
        else:
            self.counts.valid += 1


# Keeping

_COLUMNS = ("run_id", "key", "status", "error_code", "error_message", "attempts", "phone", "variables")


def keep(run: WhatsAppBroadcast, batches: Iterable[list[Sorted]]) -> None:
    """Each batch is a statement of its own, so that none meets the limit on a statement's time."""
    table = connection.ops.quote_name(Recipient._meta.db_table)
    for batch in batches:
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY {table} ({', '.join(_COLUMNS)}) FROM STDIN") as copy,
        ):
            for one in batch:
                status = ItemStatus.SKIPPED if one.code else ItemStatus.PENDING
                variables = json.dumps(dict(one.row.variables), ensure_ascii=False)
                words = SKIPPED.get(one.code, "")
                copy.write_row((run.pk, one.key, status.value, one.code, words, 0, one.phone, variables))


def leave_out_opted_out(run: WhatsAppBroadcast) -> None:
    """Whoever has opted out since the audience was made gets nothing. Safe to repeat."""
    opted_out = OptOut.objects.filter(business=run.business_id).values("phone")
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
