"""Which label each date of a document belongs to: the one before it on its line, or the heading above."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from receipts.extraction.labels import Label, Labels, phrases
from receipts.extraction.written_dates import WORD, find_dates

# How far down "Invoice 17 of March 3" may be a title.
TITLE_LINES: Final = 25
# How many letters may stand between a label and its date.
MAX_BETWEEN: Final = 4
# Prepositions such as "am" and "von", which are labels right before a date and part of an address far from it.
MAX_PREPOSITION: Final = 3
MAX_REACH: Final = 12
# Joins the first and the last day of a period; neither is the day of issue.
_RANGE = re.compile(r" ?(?:[-\u2013\u2014]|to|until|bis|au|al|tot|עד) ?")
_LABELS = Labels(
    issue=phrases(lambda words: words.issue_dates),
    title=phrases(lambda words: words.receipts),
    any=phrases(lambda words: words.dates),
    payment=phrases(lambda words: words.payment_dates),
    order=phrases(lambda words: words.order_dates),
    weak=phrases(lambda words: words.weak_dates),
    other=phrases(lambda words: words.other_dates),
)


def find_labelled_dates(lines: Sequence[str]) -> Iterator[tuple[str, re.Match[str]]]:
    """Every date, by the kind of the label before it, on its line or in the heading above."""
    heading: list[str] = []
    for place, line in enumerate(lines):
        dates = find_dates(line)
        labels = _LABELS.find(line)
        if place >= TITLE_LINES:
            labels = [label for label in labels if label.kind != "title"]
        if not dates:
            heading = [label.kind for label in labels if label.kind not in ("title", "weak")]
            continue
        kinds = [_find_kind_before(line, labels, each.start()) for each in dates]
        if not any(kinds) and heading:
            kinds = heading if len(heading) == len(dates) else [_common_kind(heading)] * len(dates)
            # A column of a table may be headed "date" too.
            kinds = ["weak" if kind == "any" else kind for kind in kinds]
        in_period = _find_period_ends(line, dates)
        for kind, each in zip(kinds, dates, strict=True):
            yield "other" if each in in_period else kind, each
        heading = []


def _find_period_ends(line: str, dates: Sequence[re.Match[str]]) -> set[re.Match[str]]:
    """The dates from which or up to which something lasts."""
    pairs = [pair for pair in pairwise(dates) if _RANGE.fullmatch(line, pair[0].end(), pair[1].start())]
    return {each for pair in pairs for each in pair}


def _find_kind_before(line: str, labels: Sequence[Label], start: int) -> str:
    """The kind of the last label before a date; words like "of" go with what stands before them.

    With another word between them, as in "date of invoice corrected: 3 March", the label is of something else.
    """
    before = [label for label in labels if label.end <= start and (label.kind != "title" or label.start == 0)]
    before = [each for each in before if each.end - each.start > MAX_PREPOSITION or start - each.end <= MAX_REACH]
    strong = next((label for label in reversed(before) if label.kind != "weak"), None)
    if strong is None or strong.kind in ("title", "other"):
        return strong.kind if strong else "weak" if before else ""
    between = WORD.findall(line[strong.end : start])
    return "weak" if sum(map(len, between)) > MAX_BETWEEN else strong.kind


def _common_kind(kinds: Sequence[str]) -> str:
    """The kind of a date below several headings: "other", unless all of them are of one kind."""
    return kinds[0] if len(set(kinds)) == 1 else "other"
