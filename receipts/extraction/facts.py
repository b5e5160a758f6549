"""What a text says about a payment: amount, currency, date, number and vendor.

Text comes in lines as a person reads them. Where a text contradicts itself, or can be read in two ways, the fact is
missing or marked as ambiguous.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain, islice
from typing import Final

from receipts.extraction.bundles import MAX_PAGES, PAGE_BREAK, holds_several_invoices
from receipts.extraction.dates import find_issue_date
from receipts.extraction.document_numbers import find_document_number
from receipts.extraction.kinds import RECEIPT_WORDS, begins_with_invoice, find_titles
from receipts.extraction.labels import fold
from receipts.extraction.total_choice import Total
from receipts.extraction.totals import find_total
from receipts.extraction.vendors import find_vendor
from receipts.extraction.written_dates import without_dates, writes_month_first
from receipts.message.charsets import clean_text

__all__ = ["MAX_LINE", "MAX_LINES", "MAX_TEXT", "NO_FACTS", "Facts", "Total", "read_facts", "readable_lines"]

# Longer lines and texts are no receipt; the limits bound what the patterns cost.
MAX_TEXT: Final = 600_000
MAX_LINE: Final = 400
MAX_LINES: Final = 3_000

_QUOTES: Final = dict.fromkeys(map(ord, "״“”„"), '"') | dict.fromkeys(map(ord, "׳‘’"), "'")
_HEBREW = re.compile(r"[\u05d0-\u05ea]")
_DAY_FIRST_CURRENCIES: Final = ("ILS", "EUR", "GBP")


@dataclass(frozen=True)
class Facts:
    """What was read out of one text. Missing facts are None or ""."""

    total: Total | None
    issued_on: date | None
    invoice_number: str
    vendor: str
    has_receipt_words: bool
    # The day can be read in two ways; a label or legal form confirms the vendor.
    is_day_ambiguous: bool = False
    is_vendor_sure: bool = True
    # It gives money back; its total is negative.
    is_refund: bool = False
    # It may be a refund, or not.
    is_kind_ambiguous: bool = False
    # Its head calls it a receipt, an invoice or the like.
    is_titled: bool = False
    # It calls itself a quote, a reminder or the like.
    is_no_receipt: bool = False
    # Its pages are of more than one invoice, and these are the facts of one of them, or of none.
    holds_several: bool = False


NO_FACTS: Final = Facts(None, None, "", "", has_receipt_words=False)


def read_facts(text: str, *, sent_at: datetime | None, is_refund: bool = False) -> Facts:
    """The facts that `text` holds. `sent_at` decides which of two readings a date has."""
    pages = [readable_lines(page) for page in text[:MAX_TEXT].split(PAGE_BREAK, MAX_PAGES)]
    lines = list(islice(chain.from_iterable(pages), MAX_LINES))
    folded = [fold(line) for line in lines]
    called = find_titles(folded)
    names_invoice = "receipt" in called or begins_with_invoice(folded)
    is_refund = is_refund or "credit" in called
    undated = list(map(without_dates, lines, folded))
    plain = [
        same if line is undated_line else fold(undated_line)
        for line, undated_line, same in zip(lines, undated, folded, strict=True)
    ]
    total = find_total(undated, plain, is_refund=is_refund)
    issued = find_issue_date(folded, _writes_day_first(lines, total), sent_at, is_invoice=names_invoice)
    vendor = find_vendor(lines, folded)
    return Facts(
        total=total,
        issued_on=issued.day if issued else None,
        invoice_number=find_document_number(lines, folded, is_invoice=names_invoice),
        vendor=vendor.name,
        has_receipt_words=any(RECEIPT_WORDS.search(line) for line in folded),
        is_day_ambiguous=bool(issued and issued.is_ambiguous),
        is_vendor_sure=vendor.is_sure,
        is_refund=is_refund or bool(total and total.amount < 0),
        is_kind_ambiguous="unclear_credit" in called and not is_refund,
        is_titled="receipt" in called or "credit" in called,
        # A reminder names the invoices that it is about, below its own title.
        is_no_receipt=next((title for title in called if title != "unclear_credit"), "") == "none",
        holds_several=len(pages) > 1 and holds_several_invoices([(page, list(map(fold, page))) for page in pages]),
    )


def readable_lines(text: str) -> list[str]:
    """The first lines of `text` that hold something, with one kind of quote and one kind of space."""
    lines = (_normalize_line(line) for line in text[:MAX_TEXT].splitlines())
    return list(islice(filter(None, lines), MAX_LINES))


def _normalize_line(line: str) -> str:
    line = clean_text(line)[:MAX_LINE]
    if line.isascii():
        return line
    # Cut before it is normalized: Python sorts marks that stand on one letter in quadratic time.
    line = unicodedata.normalize("NFKC", line).translate(_QUOTES)
    return " ".join(line.split())[:MAX_LINE]


def _writes_day_first(lines: Sequence[str], total: Total | None) -> bool | None:
    """Whether dates like 3/4/2024 mean the third of April; None where people differ."""
    if any(_HEBREW.search(line) for line in lines) or (total and total.currency in _DAY_FIRST_CURRENCIES):
        return True
    return False if writes_month_first(lines) else None
