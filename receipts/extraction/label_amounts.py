"""Which amounts of a line belong to which of its labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from receipts.extraction.labels import Label
from receipts.extraction.money import Money

# How far behind its label a number may stand that has neither currency nor decimals.
NEAR: Final = 4


def join_tax_labels(labels: Sequence[Label], money: Sequence[Money]) -> Iterator[Label]:
    """The labels of a line, "total incl. VAT" being one."""
    current: Label | None = None
    for label in labels:
        is_one = current and not any(current.end <= each.start < label.start for each in money)
        # A line without sums is a heading, whose columns are "Total" and "VAT".
        if current and label.kind == "tax" and is_one and money:
            current = replace(current, reach=label.reach)
            continue
        if current:
            yield current
        current = label
    if current:
        yield current


def money_beside(label: Label, money: Sequence[Money], *, is_first: bool) -> list[Money]:
    """The amounts that a label announces, or the one before it where it is a line's first and announces none."""
    after = [each for each in money if label.end <= each.start < label.reach]
    after = [each for each in after if not each.is_bare or each.start - label.end <= NEAR or each is not after[0]]
    return after or ([each for each in money if each.end <= label.start and each.currency][-1:] if is_first else [])
