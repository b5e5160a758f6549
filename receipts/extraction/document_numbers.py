"""The number of an invoice, a receipt or an order, whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from receipts.extraction.labels import Labels, any_of, phrases
from receipts.extraction.number_tokens import read_number_at, read_number_below

_LABELS = Labels(
    invoice=phrases(lambda words: words.invoice_numbers),
    receipt=phrases(lambda words: words.receipt_numbers),
    document=phrases(lambda words: words.document_numbers),
    other=phrases(lambda words: words.other_numbers),
)
# In the order in which they are believed.
_BELIEVED: Final = ("invoice", "receipt", "document", "other")
# A digit may follow at once, as in "n°17".
_MARK = any_of(phrases(lambda words: words.number_marks)).removesuffix(r"(?!\w)") + r"(?![^\W\d_])"
# "no.", "number:", "#", and the code of a kind of document in brackets, as in "Rechnung (380) Nr. 17".
_TAIL = re.compile(
    rf"(?P<code>(?: [^\W\d_]{{2,12}})? ?\(\d{{1,4}} ?\))?(?P<mark>[ .-]{{0,3}}{_MARK})?"
    r"[ .:]{0,4}(?P<hash>#)?[ .:#]{0,3}"
)
# Hebrew says "number of the document".
_MARK_BEFORE = re.compile(_MARK.removesuffix(r"(?![^\W\d_])") + r"[ :.]{0,2}$")
MAX_MARK: Final = 12
# A mark may be written together with the label, as in "Rechnungsnr".
_ENDS_MARKED = re.compile(r"(?:nummer|nr|id)$")


@dataclass(frozen=True)
class _Found:
    kind: str
    number: str
    # Its label says that it is a number.
    is_marked: bool


def find_document_number(lines: Sequence[str], folded: Sequence[str], *, is_invoice: bool = False) -> str:
    """The invoice's number, else the receipt's; if it is no invoice, else the document's or the order's. "" if none."""
    found = sorted(_find_labelled_numbers(lines, folded), key=lambda each: not each.is_marked)
    for kind in _BELIEVED[:3] if is_invoice else _BELIEVED:
        numbers = [each.number for each in found if each.kind == kind]
        if numbers:
            return numbers[0]
    return ""


def find_invoice_number(lines: Sequence[str], folded: Sequence[str]) -> str:
    """The first number labelled as the invoice's, else the first beside the word invoice; "" if there is none."""
    found = [each for each in _find_labelled_numbers(lines, folded) if each.kind == "invoice"]
    return next((each.number for each in sorted(found, key=lambda each: not each.is_marked)), "")


def _find_labelled_numbers(lines: Sequence[str], folded: Sequence[str]) -> Iterator[_Found]:
    for place, line in enumerate(folded):
        for label in _LABELS.find(line):
            tail = _TAIL.match(line, label.end)
            if tail is None:
                continue
            before = line[max(0, label.start - MAX_MARK) : label.start]
            is_marked = bool(
                tail["mark"]
                or tail["hash"]
                or _ENDS_MARKED.search(line, label.start, label.end)
                or _MARK_BEFORE.search(before)
            )
            number = read_number_at(lines[place], line, tail.end(), is_marked=is_marked)
            is_heading = is_marked and place + 1 < len(lines) and not any(map(str.isdigit, line[tail.end() :]))
            if not number and is_heading:
                number = read_number_below(lines[place + 1], folded[place + 1], is_only=tail.end() >= len(line))
            if number:
                yield _Found(label.kind, number, is_marked)
