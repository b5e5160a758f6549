"""The sums that stand beside or below their labels.

1. An amount belongs to the label before it on its line, up to the next label.
2. A label without an amount is a heading: the amounts on the lines below belong to it, one for each heading.
3. Of several amounts of one label the last is the sum, since counts, instalments and earlier prices come before it. It
   is sure when it is the only one, or the sum of those before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

from receipts.extraction.label_amounts import join_tax_labels, money_beside
from receipts.extraction.labels import Labels, phrases
from receipts.extraction.money import Money
from receipts.extraction.sum_choice import LabelledSum, SumKind, choose_sum
from receipts.extraction.sum_columns import SumColumn

_SUMS = Labels(
    other=phrases(lambda words: words.other_totals),
    final=phrases(lambda words: words.final_totals),
    payment=phrases(lambda words: words.payments),
    total=phrases(lambda words: words.totals),
    tax=phrases(lambda words: words.taxes),
    refund=phrases(lambda words: words.refund_totals),
    deposit=phrases(lambda words: words.deposits),
)
# So many lines of single digits come from a table whose columns were too narrow for its numbers.
TORN_LINES: Final = 4
TORN_LENGTH: Final = 3


@dataclass(frozen=True)
class Row:
    """A line without its dates, the same folded, and the sums in it."""

    line: str
    folded: str
    money: Sequence[Money]


def find_sums(rows: Sequence[Row]) -> list[LabelledSum]:
    """Every labelled sum that isn't zero."""
    sums = [each for each in _labelled_sums(rows) if each.amount]
    return [replace(each, is_ambiguous=True) for each in sums] if _are_digits_torn(rows) else sums


def _labelled_sums(rows: Sequence[Row]) -> Iterator[LabelledSum]:
    column = SumColumn()
    for row in rows:
        line, money = row.line, row.money
        labels = list(join_tax_labels(_SUMS.find(row.folded), money))
        if labels and (money or column.amounts):
            yield from column.close()
        if labels and not money:
            column.add_heading(labels)
        elif labels:
            for label in labels:
                if beside := money_beside(label, money, is_first=label is labels[0]):
                    yield choose_sum(cast("SumKind", label.kind), beside)
        elif not column.try_add_line(line, money):
            yield from column.close()
    yield from column.close()


def _are_digits_torn(rows: Sequence[Row]) -> bool:
    pieces = (row for row in rows if len(row.line) <= TORN_LENGTH and any(map(str.isdigit, row.line)))
    return sum(1 for _piece in pieces) >= TORN_LINES
