"""What may be the number of a document: whole or not at all, no date, no year and no amount."""

from __future__ import annotations

import re
from typing import Final

from receipts.extraction.money import CURRENCY
from receipts.extraction.written_dates import DATE

# Longer is no number of a document: it is left out rather than cut.
MAX_NUMBER: Final = 48
# With fewer digits it counts only where the label says that it is a number.
MIN_UNMARKED: Final = 3
_TOKEN = re.compile(r"[a-z0-9](?:[a-z0-9/_.-]*[a-z0-9])?")
_YEAR = re.compile(r"(?:19|20)\d\d")
_AMOUNT = re.compile(r"\d{1,3}(?:[,.]\d{3}){0,4}[.,]\d\d")


def read_number_at(line: str, folded: str, start: int, *, is_marked: bool) -> str:
    token = _TOKEN.match(folded, start)
    if not token or not _may_be_number(token[0], is_marked=is_marked) or DATE.match(folded, start):
        return ""
    if CURRENCY.match(line, token.end() + 1) and not is_marked:
        return ""
    return line[token.start() : token.end()]


def read_number_below(line: str, folded: str, *, is_only: bool) -> str:
    """The only token that may be a number in the row below a heading."""
    row = DATE.sub(lambda match: " " * len(match[0]), folded)
    tokens = [token for token in _TOKEN.finditer(row) if _may_be_number(token[0], is_marked=True)]
    tokens = [token for token in tokens if not _AMOUNT.fullmatch(token[0])]
    if len(tokens) != 1 or (is_only and tokens[0].start() > 0):
        return ""
    return line[tokens[0].start() : tokens[0].end()]


def _may_be_number(token: str, *, is_marked: bool) -> bool:
    digits = sum(map(str.isdigit, token))
    if len(token) > MAX_NUMBER or not digits:
        return False
    return is_marked or (digits >= MIN_UNMARKED and not _YEAR.fullmatch(token) and not _AMOUNT.fullmatch(token))
