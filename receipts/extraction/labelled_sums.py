"""The sums that stand beside or below their labels.

1. An amount belongs to the label before it on its line, up to the next label.
2. A label without an amount is a heading: the amounts on the lines below belong to it, one for each heading.
3. Of several amounts of one label the last is the sum, since counts, instalments and earlier prices come before it. It
   is sure when it is the only one, or the sum of those before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final, Literal, cast

from receipts.extraction.labels import Label, Labels, phrases
from receipts.extraction.money import Money

Kind = Literal["final", "payment", "total", "other", "tax", "refund", "deposit"]

_SUMS = Labels(
    other=phrases(lambda words: words.other_totals),
    final=phrases(lambda words: words.final_totals),
    payment=phrases(lambda words: words.payments),
    total=phrases(lambda words: words.totals),
    tax=phrases(lambda words: words.taxes),
    refund=phrases(lambda words: words.refund_totals),
    deposit=phrases(lambda words: words.deposits),
)
# Headings of tables that say what a sum in the row below is; "total" may head any column.
_STRONG: Final = ("final", "payment", "refund")
# Papers round each line by itself.
ROUNDING: Final = Decimal("0.02")
# How far behind its label a number may stand that has neither currency nor decimals.
NEAR: Final = 4
# So many lines of single digits come from a table whose columns were too narrow for its numbers.
TORN_LINES: Final = 4
TORN_LENGTH: Final = 3


@dataclass(frozen=True)
class LabelledSum:
    """A sum and what it is called. `is_ambiguous`: another amount may be meant."""

    kind: Kind
    amount: Decimal
    currency: str
    is_ambiguous: bool


@dataclass
class _Column:
    """Headings without amounts, and the amounts found on the lines below them."""

    kinds: list[Kind] = field(default_factory=list)
    amounts: list[list[Money]] = field(default_factory=list)
    # The headings stand side by side, not one below the other.
    is_row: bool = False

    def add_heading(self, labels: Sequence[Label]) -> None:
        kinds = [cast("Kind", label.kind) for label in labels]
        self.is_row = len(kinds) > 1
        self.kinds = kinds if self.is_row else [*self.kinds, *kinds]

    def take(self, line: str, money: Sequence[Money]) -> bool:
        """Whether the line is part of the column: amounts alone, or one sum in a row below a strong heading."""
        if not self.kinds or not money or (self.is_row and self.amounts):
            return False
        if _is_alone(line, money) and self.is_row and len(money) == len(self.kinds):
            self.amounts = [[one] for one in money]
            return True
        strong: list[Kind] = [kind for kind in self.kinds if kind in _STRONG]
        is_only = (self.is_row or len(self.kinds) == 1) and not self.amounts and bool(strong)
        if is_only and sum(bool(one.currency) for one in money) == 1:
            self.kinds = strong[:1]
        elif self.is_row or not _is_alone(line, money):
            return False
        self.amounts.append(list(money))
        return True

    def close(self) -> Iterator[LabelledSum]:
        """One amount for each heading; of other numbers of them nobody knows which is whose."""
        if len(self.kinds) == 1 or len(self.kinds) == len(self.amounts):
            yield from map(_sum, self.kinds, self.amounts)
        elif self.amounts:
            yield replace(_sum(self.kinds[-1], self.amounts[-1]), is_ambiguous=True)
        self.kinds, self.amounts, self.is_row = [], [], False


@dataclass(frozen=True)
class Row:
    """A line without its dates, the same folded, and the sums in it."""

    line: str
    folded: str
    money: Sequence[Money]


def find_sums(rows: Sequence[Row]) -> list[LabelledSum]:
    """Every labelled sum above or below zero."""
    sums = [one for one in _labelled_sums(rows) if one.amount]
    return [replace(one, is_ambiguous=True) for one in sums] if _are_torn(rows) else sums


def _labelled_sums(rows: Sequence[Row]) -> Iterator[LabelledSum]:
    column = _Column()
    for row in rows:
        line, money = row.line, row.money
        labels = list(_without_tax_tails(_SUMS.find(row.folded), money))
        if labels and (money or column.amounts):
            yield from column.close()
        if labels and not money:
            column.add_heading(labels)
        elif labels:
            for label in labels:
                if beside := _beside(label, money, is_first=label is labels[0]):
                    yield _sum(cast("Kind", label.kind), beside)
        elif not column.take(line, money):
            yield from column.close()
    yield from column.close()


def _without_tax_tails(labels: Sequence[Label], money: Sequence[Money]) -> Iterator[Label]:
    """The labels of a line, "total incl. VAT" being one."""
    current: Label | None = None
    for label in labels:
        is_one = current and not any(current.end <= one.start < label.start for one in money)
        # A line without sums is a heading, whose columns are "Total" and "VAT".
        if current and label.kind == "tax" and is_one and money:
            current = replace(current, reach=label.reach)
            continue
        if current:
            yield current
        current = label
    if current:
        yield current


def _beside(label: Label, money: Sequence[Money], *, is_first: bool) -> list[Money]:
    """The amounts that a label announces, or the one before it where it is a line's first and announces none."""
    after = [one for one in money if label.end <= one.start < label.reach]
    after = [one for one in after if not one.is_bare or one.start - label.end <= NEAR or one is not after[0]]
    return after or ([one for one in money if one.end <= label.start and one.currency][-1:] if is_first else [])


def _is_alone(line: str, money: Sequence[Money]) -> bool:
    rest = "".join(
        character for place, character in enumerate(line) if not any(m.start <= place < m.end for m in money)
    )
    return not any(map(str.isalnum, rest))


def _sum(kind: Kind, money: Sequence[Money]) -> LabelledSum:
    """The sum among the amounts of one label: a count of things, an instalment or an earlier price comes before it."""
    for is_likelier in (_is_no_aside, _is_no_count, _has_currency):
        money = [one for one in money if is_likelier(one)] or money
    last, before = money[-1], money[:-1]
    is_explained = all(one.amount == last.amount for one in before) or any(
        abs(sum(amounts) - last.amount) <= ROUNDING
        for amounts in ([one.amount for one in before], [one.other_reading or one.amount for one in before])
    )
    amount = last.amount
    if last.other_reading is not None and last.has_decimals:
        amount = last.other_reading
    # Accounts write a negative sum in brackets; prose adds another currency's in them.
    amount = -amount if last.is_aside and kind != "tax" else amount
    # "Total: 5" may be five of something.
    is_doubtful = not is_explained or last.other_reading is not None or last.is_bare
    return LabelledSum(kind, amount, last.currency, is_doubtful)


def _is_no_aside(money: Money) -> bool:
    return not money.is_aside and not money.is_remark


def _is_no_count(money: Money) -> bool:
    return not money.is_bare


def _has_currency(money: Money) -> bool:
    return bool(money.currency)


def _are_torn(rows: Sequence[Row]) -> bool:
    pieces = (row for row in rows if len(row.line) <= TORN_LENGTH and any(map(str.isdigit, row.line)))
    return sum(1 for _piece in pieces) >= TORN_LINES
