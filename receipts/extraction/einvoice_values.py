"""Parses the amounts and days of an e-invoice."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from receipts.extraction.money import MAX_AMOUNT
from receipts.extraction.written_dates import YEARS

_AMOUNT = re.compile(r"[+-]?\d{1,12}(?:\.\d{1,12})?")
_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)")


def choose_payable(payable: Decimal | None, total: Decimal | None) -> Decimal | None:
    """The amount to pay; the total, where earlier payments left nothing to pay or a credit."""
    if payable is None or (total and payable * total <= 0):
        return total
    return payable


def parse_amount(text: str) -> Decimal | None:
    if not _AMOUNT.fullmatch(text):
        return None
    amount = Decimal(text).quantize(Decimal("0.01"))
    return amount if abs(amount) < MAX_AMOUNT else None


def parse_date(text: str) -> date | None:
    match = _DATE.match(text)
    if not match or int(match[1]) not in YEARS:
        return None
    try:
        return date(*map(int, match.groups()))
    except ValueError:
        return None
