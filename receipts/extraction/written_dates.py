"""Dates as they are written: their pattern, and the day that each of them names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from receipts.extraction.labels import any_of, fold
from receipts.extraction.languages import LANGUAGES

# Other years are misread, and arithmetic on days at the ends of the calendar overflows.
YEARS: Final = range(1900, 2100)
# How far from the day a mail was sent its receipt was issued, where 3/4 may be April or March.
# Two readings of one date are at least 27 days apart: never are both this near.
NEAR_BEFORE: Final = timedelta(days=21)
NEAR_AFTER: Final = timedelta(days=3)
_MONTHS: Final = {
    fold(word): number
    for language in LANGUAGES.values()
    for number, words in enumerate(language.months, start=1)
    for word in words
}
_MONTH = any_of(
    (language.prefix, word) for language in LANGUAGES.values() for words in language.months for word in words
)
_ORDINAL = r"(?:st|nd|rd|th|er|re|\.)?"
DATE = re.compile(
    r"(?<![\d./-])(?:"
    r"(?P<iso>(?:19|20)\d\d([-/.])\d{1,2}\2\d{1,2})"
    r"|(?P<numeric>\d{1,2}([-/.])\d{1,2}\4(?:(?:19|20)\d\d|\d\d))"
    rf"|(?P<words>\d{{1,2}}{_ORDINAL}[ -]?(?:of |de )?{_MONTH}\.?[ -]?(?:de |del )?,? ?(?:\d{{4}}|(?<=-)\d\d)"
    rf"|{_MONTH}\.? ?\d{{1,2}}{_ORDINAL} ?,? ?\d{{4}})"
    r")(?![\d/-]|\.\d)"
)
WORD = re.compile(r"[^\W\d_]+'?")
_NUMBER = re.compile(r"\d+")
# American addresses end so; Americans write the month first.
_AMERICAN_ADDRESS = re.compile(r"(?<!\w)[A-Z]{2},? \d{5}(?:-\d{4})?(?!\d)")


def find_dates(folded: str) -> list[re.Match[str]]:
    return list(DATE.finditer(folded)) if _NUMBER.search(folded) else []  # most lines have no digit


def without_dates(line: str, folded: str) -> str:
    """`line` with spaces in place of the dates in its folded form: those are no sums of money."""
    for match in find_dates(folded):
        line = line[: match.start()] + " " * len(match[0]) + line[match.end() :]
    return line


def writes_month_first(lines: Sequence[str]) -> bool:
    """Whether the lines, as they are written, show an American address."""
    return any(_AMERICAN_ADDRESS.search(line) for line in lines)


def infer_day_first(dates: Iterator[re.Match[str]]) -> bool | None:
    """Whether the day comes first, as far as any date of the paper shows: 26 is no month."""
    orders = set()
    for match in dates:
        if match["numeric"]:
            first, second, _year = map(int, re.split(r"\D", match["numeric"]))
            orders |= {True} if first > 12 >= second else {False} if second > 12 >= first else set()
    return orders.pop() if len(orders) == 1 else None


def read_day(match: re.Match[str], day_first: bool | None, sent_at: datetime | None) -> date | None:
    if match["iso"]:
        return valid_day(*map(int, re.split(r"\D", match["iso"])))
    if match["words"]:
        return _read_day_in_words(match["words"])
    first, second, year = map(int, re.split(r"\D", match["numeric"]))
    year += 2000 if year < 100 else 0
    by_day, by_month = valid_day(year, second, first), valid_day(year, first, second)
    if day_first or "." in match["numeric"]:
        return by_day
    days = {day for day in (by_day, by_month) if day}
    if len(days) > 1 and day_first is False:
        return by_month
    if len(days) > 1:
        days = {day for day in days if sent_at and _is_near(day, sent_at)}
    return days.pop() if len(days) == 1 else None


def valid_day(year: int, month: int, day: int) -> date | None:
    if year not in YEARS:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _read_day_in_words(words: str) -> date | None:
    """The day that the `words` of `DATE` name: a month, its day, the year last."""
    day, year = _NUMBER.findall(words)
    century = 2000 if len(year) == 2 else 0
    month = next((number for word in WORD.findall(words) if (number := _month_number(word))), 0)
    return valid_day(century + int(year), month, int(day))


def _month_number(word: str) -> int:
    """A month's number; Hebrew writes "in" together with it."""
    return _MONTHS.get(word) or _MONTHS.get(word[1:]) or _MONTHS.get(word[2:]) or 0


def _is_near(day: date, sent_at: datetime) -> bool:
    return sent_at.date() - NEAR_BEFORE <= day <= sent_at.date() + NEAR_AFTER
