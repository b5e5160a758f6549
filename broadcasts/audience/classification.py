"""Classifies the rows of an audience: recipients of the message, and skipped ones, each with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from django.utils.translation import gettext_noop

from runs.text import clean

from ..messages import MAX_TEXT, RenderedLength, columns_of
from ..models import OptOut, ProviderAccount
from ..numbers import find_short_form, to_e164
from .rows import Audience, Row

BATCH: Final = 5_000
BATCH_CHARACTERS: Final = 1_000_000  # the text of a batch's rows
MAX_INVALID_PHONE: Final = 40  # characters that are stored of what isn't a number

# Why a row is skipped, by its code.
SKIP_REASONS: Final = {
    "invalid": gettext_noop("Not a phone number."),
    "duplicate": gettext_noop("The same number as in an earlier line."),
    "opted_out": gettext_noop("Has asked for no more messages."),
    "incomplete": gettext_noop("A variable of the message is missing."),
    "too_long": gettext_noop("The message would be longer than 4,096 characters."),
}


@dataclass
class AudienceCounts:
    valid: int = 0
    skipped: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SKIP_REASONS, 0))

    @property
    def total(self) -> int:
        return self.valid + sum(self.skipped.values())

    def as_json(self) -> dict[str, int]:
        return {"total": self.total, "valid": self.valid, **self.skipped}


@dataclass(slots=True)
class ClassifiedRow:
    row: Row
    phone: str  # E.164 where it is a number
    skip_code: str = ""  # a key of SKIP_REASONS; empty for a valid row

    @property
    def key(self) -> str:
        """Unique in its broadcast: a skipped row may have the number of another."""
        return f"{self.phone} ({self.row.line})" if self.skip_code else self.phone


class AudienceClassifier:
    """Classifies and counts the rows of one audience."""

    def __init__(self, account: ProviderAccount, text: str, audience: Audience) -> None:
        self.counts = AudienceCounts()
        self._account, self._rows = account, audience.rows
        self._needed = columns_of(text, audience.columns)
        self._length = RenderedLength.of(text, audience.columns)
        self._seen: set[int] = set()  # numbers, as integers: they take a third of the memory

    def classify_batches(self) -> Iterator[list[ClassifiedRow]]:
        """Raises `UnreadableAudience`."""
        for rows in batch_rows(self._rows):
            batch = [self._classify_row(row) for row in rows]
            self._skip_opted_out(batch)
            for each in batch:
                if each.skip_code:
                    self.counts.skipped[each.skip_code] += 1
                else:
                    self.counts.valid += 1
            yield batch

    def _classify_row(self, row: Row) -> ClassifiedRow:
        phone = to_e164(row.phone, self._account.country)
        if phone is None:
            return ClassifiedRow(row, clean(row.phone.strip(), MAX_INVALID_PHONE), "invalid")
        person = int(find_short_form(phone))
        if person in self._seen:
            return ClassifiedRow(row, phone, "duplicate")
        self._seen.add(person)
        if not all(row.variables.get(name) for name in self._needed):
            return ClassifiedRow(row, phone, "incomplete")
        if self._length.with_variables(row.variables) > MAX_TEXT:
            return ClassifiedRow(row, phone, "too_long")
        return ClassifiedRow(row, phone)

    def _skip_opted_out(self, batch: list[ClassifiedRow]) -> None:
        phones = [each.phone for each in batch if not each.skip_code]
        in_force = OptOut.objects.in_force().filter(business=self._account.business_id)
        # One array as parameter: `phone__in` makes Django adapt and quote each of thousands on its own.
        rows = in_force.extra(where=["phone = ANY(%s)"], params=[phones])
        opted_out = set(rows.values_list("phone", flat=True))
        for each in batch:
            if not each.skip_code and each.phone in opted_out:
                each.skip_code = "opted_out"


def batch_rows(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Batches of some thousands of rows, fewer where they are long: one batch is in memory at a time."""
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
