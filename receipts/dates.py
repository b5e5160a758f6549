"""The day a document was issued, out of the days that stand on it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final

from receipts.labels import Label, Labels, any_of, fold, phrases
from receipts.languages import LANGUAGES

# Of dates on paper. Others are misread, and years at the ends of the calendar break those who reckon with them.
YEARS: Final = range(1900, 2100)
# How far from the day a mail was sent its receipt was issued, where 3/4 may be April or March.
# Two readings of one date are at least 27 days apart: never are both this near.
NEAR_BEFORE: Final = timedelta(days=21)
NEAR_AFTER: Final = timedelta(days=3)

# How far down "Invoice 17 of March 3" may be a title.
TITLE_LINES: Final = 25

# How many letters may stand between a label and its date.
MAX_BETWEEN: Final = 4
# Prepositions such as "am" and "von", which are labels right before a date and part of an address far from it.
MAX_PREPOSITION: Final = 3
MAX_REACH: Final = 12

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
# Between the two days of a period, neither of which is the document's.
_RANGE = re.compile(r" ?(?:[-\u2013\u2014]|to|until|bis|au|al|tot|עד) ?")
_WORD = re.compile(r"[^\W\d_]+'?")
_NUMBER = re.compile(r"\d+")
_LABELS = Labels(
    issue=phrases(lambda words: words.issue_dates),
    title=phrases(lambda words: words.receipts),
    any=phrases(lambda words: words.dates),
    payment=phrases(lambda words: words.payment_dates),
    order=phrases(lambda words: words.order_dates),
    weak=phrases(lambda words: words.weak_dates),
    other=phrases(lambda words: words.other_dates),
)
# In the order in which they are believed; "" is a date without a label.
_BELIEVED: Final = ("issue", "title", "any", "payment", "order", "weak", "")
# American addresses end so; Americans write the month first.
_AMERICAN_ADDRESS = re.compile(r"(?<!\w)[A-Z]{2},? \d{5}(?:-\d{4})?(?!\d)")


@dataclass(frozen=True)
class IssueDate:
    day: date
    is_ambiguous: bool = False


def _dates(folded: str) -> list[re.Match[str]]:
    return list(DATE.finditer(folded)) if _NUMBER.search(folded) else []  # most lines have no digit


def without_dates(line: str, folded: str) -> str:
    """`line` with spaces in place of the dates in its folded form: those are no sums of money."""
    for found in _dates(folded):
        line = line[: found.start()] + " " * len(found[0]) + line[found.end() :]
    return line


def find_date(
    lines: Sequence[str], day_first: bool | None, sent_at: datetime | None, *, is_invoice: bool = False
) -> IssueDate | None:
    """The day the document was issued: what the strongest label in the folded lines says."""
    found = list(_labelled_dates(lines))
    if day_first is None:
        day_first = _order_of(match for _kind, match in found)
    for kind in _BELIEVED:
        of_kind = [match for labelled_as, match in found if labelled_as == kind]
        days = list(dict.fromkeys(day for match in of_kind if (day := _day(match, day_first, sent_at))))
        if days:
            is_late = sent_at is not None and days[0] > sent_at.date() + NEAR_AFTER
            # The day on which something was ordered is rarely the day on which its invoice was written.
            is_other = kind == "order" and is_invoice
            is_clear = len(days) == 1 or kind == "title"
            return IssueDate(days[0], is_ambiguous=not is_clear or is_late or is_other)
        if of_kind:
            # There is a day that can be read in two ways: no weaker label may stand in for it.
            return None
    return None


def writes_month_first(lines: Sequence[str]) -> bool:
    """Whether the lines, as they are written, show an American address."""
    return any(_AMERICAN_ADDRESS.search(line) for line in lines)


def _labelled_dates(lines: Sequence[str]) -> Iterator[tuple[str, re.Match[str]]]:
    """Every date, by the kind of the label before it, on its line or in the heading above."""
    heading: list[str] = []
    for place, line in enumerate(lines):
        dates = _dates(line)
        labels = _LABELS.find(line)
        if place >= TITLE_LINES:
            labels = [label for label in labels if label.kind != "title"]
        if not dates:
            heading = [label.kind for label in labels if label.kind not in ("title", "weak")]
            continue
        kinds = [_kind_before(line, labels, one.start()) for one in dates]
        if not any(kinds) and heading:
            kinds = heading if len(heading) == len(dates) else [_only(heading)] * len(dates)
            # A column of a table may be headed "date" too.
            kinds = ["weak" if kind == "any" else kind for kind in kinds]
        in_period = _in_period(line, dates)
        for kind, one in zip(kinds, dates, strict=True):
            yield "other" if one in in_period else kind, one
        heading = []


def _in_period(line: str, dates: Sequence[re.Match[str]]) -> set[re.Match[str]]:
    """The dates from which or up to which something lasts."""
    pairs = [pair for pair in pairwise(dates) if _RANGE.fullmatch(line, pair[0].end(), pair[1].start())]
    return {one for pair in pairs for one in pair}


def _kind_before(line: str, labels: Sequence[Label], start: int) -> str:
    """The kind of the last label before a date; words like "of" go with what stands before them.

    With another word between them, as in "date of invoice corrected: 3 March", the label is of something else.
    """
    before = [label for label in labels if label.end <= start and (label.kind != "title" or label.start == 0)]
    before = [one for one in before if one.end - one.start > MAX_PREPOSITION or start - one.end <= MAX_REACH]
    strong = next((label for label in reversed(before) if label.kind != "weak"), None)
    if strong is None or strong.kind in ("title", "other"):
        return strong.kind if strong else "weak" if before else ""
    between = _WORD.findall(line[strong.end : start])
    return "weak" if sum(map(len, between)) > MAX_BETWEEN else strong.kind


def _only(kinds: Sequence[str]) -> str:
    """The kind of a date below a heading of several: no one knows which, unless they are one."""
    return kinds[0] if len(set(kinds)) == 1 else "other"


def _order_of(dates: Iterator[re.Match[str]]) -> bool | None:
    """Whether the day comes first, as far as any date of the paper shows: 26 is no month."""
    orders = set()
    for found in dates:
        if found["numeric"]:
            first, second, _year = map(int, re.split(r"\D", found["numeric"]))
            orders |= {True} if first > 12 >= second else {False} if second > 12 >= first else set()
    return orders.pop() if len(orders) == 1 else None


def _day(found: re.Match[str], day_first: bool | None, sent_at: datetime | None) -> date | None:
    if found["iso"]:
        return _real_day(*map(int, re.split(r"\D", found["iso"])))
    if found["words"]:
        return _day_in_words(found["words"])
    first, second, year = map(int, re.split(r"\D", found["numeric"]))
    year += 2000 if year < 100 else 0
    by_day, by_month = _real_day(year, second, first), _real_day(year, first, second)
    if day_first or "." in found["numeric"]:
        return by_day
    days = {day for day in (by_day, by_month) if day}
    if len(days) > 1 and day_first is False:
        return by_month
    if len(days) > 1:
        days = {day for day in days if sent_at and _is_near(day, sent_at)}
    return days.pop() if len(days) == 1 else None


def _real_day(year: int, month: int, day: int) -> date | None:
    if year not in YEARS:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _day_in_words(words: str) -> date | None:
    """The day that the `words` of `DATE` name: a month, its day, the year last."""
    day, year = _NUMBER.findall(words)
    century = 2000 if len(year) == 2 else 0
    month = next((number for word in _WORD.findall(words) if (number := _month(word))), 0)
    return _real_day(century + int(year), month, int(day))


def _month(word: str) -> int:
    """A month's number; Hebrew writes "in" together with it."""
    return _MONTHS.get(word) or _MONTHS.get(word[1:]) or _MONTHS.get(word[2:]) or 0


def _is_near(day: date, sent_at: datetime) -> bool:
    return sent_at.date() - NEAR_BEFORE <= day <= sent_at.date() + NEAR_AFTER
