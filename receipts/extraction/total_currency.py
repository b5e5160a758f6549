"""The currency of a total, which may be named elsewhere on the paper."""

from __future__ import annotations

import re
from collections.abc import Sequence

from receipts.extraction.labels import Labels, any_of, phrases
from receipts.extraction.money import UNKEPT, named_currencies
from receipts.extraction.sum_choice import LabelledSum
from receipts.extraction.total_choice import Total

_CURRENCY_LABELS = Labels(currency=phrases(lambda words: words.currency_labels))
_OTHER_DOLLARS = re.compile(any_of(phrases(lambda words: words.other_dollars)).removesuffix(r"(?!\w)"))
_AMERICAN = re.compile(r"(?<![A-Za-z])(?:USD|US ?\$)")


def find_currency(total: Total, sums: Sequence[LabelledSum], lines: Sequence[str], folded: Sequence[str]) -> str:
    """The currency beside the total, else that of its equals, else the only one that the paper names."""
    beside = {each.currency for each in sums if abs(each.amount) == abs(total.amount) and each.currency}
    beside |= {total.currency} if total.currency else set()
    if not beside:
        beside = _find_labelled_currencies(lines, folded) or named_currencies(lines)
    elif beside == {"USD"} and not _are_dollars_american(lines, folded):
        return ""
    return beside.pop().strip(UNKEPT) if len(beside) == 1 else ""


def _are_dollars_american(lines: Sequence[str], folded: Sequence[str]) -> bool:
    """Whether a paper's dollars are: not where it names another country's, or a tax or register of one."""
    if any(_AMERICAN.search(line) for line in lines):
        return True
    return "USD" in named_currencies(lines) and not any(_OTHER_DOLLARS.search(line) for line in folded)


def _find_labelled_currencies(lines: Sequence[str], folded: Sequence[str]) -> set[str]:
    found = (
        [line[label.end :]] for line, plain in zip(lines, folded, strict=True) for label in _CURRENCY_LABELS.find(plain)
    )
    return {currency for rest in found for currency in named_currencies(rest)}
