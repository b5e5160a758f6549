"""Headings without amounts, and the amounts on the lines below them: one for each heading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, cast

from receipts.extraction.labels import Label
from receipts.extraction.money import Money
from receipts.extraction.sum_choice import LabelledSum, SumKind, choose_sum

# Headings of tables that say what a sum in the row below is; "total" may head any column.
_STRONG: Final = ("final", "payment", "refund")


@dataclass
class SumColumn:
    """Headings without amounts, and the amounts found on the lines below them."""

    kinds: list[SumKind] = field(default_factory=list)
    amounts: list[list[Money]] = field(default_factory=list)
    # The headings stand side by side, not one below the other.
    is_row: bool = False

    def add_heading(self, labels: Sequence[Label]) -> None:
        kinds = [cast("SumKind", label.kind) for label in labels]
        self.is_row = len(kinds) > 1
        self.kinds = kinds if self.is_row else [*self.kinds, *kinds]

    def try_add_line(self, line: str, money: Sequence[Money]) -> bool:
        """Add the line if it is part of the column: amounts alone, or one sum in a row below a strong heading.

        Returns whether it was added.
        """
        if not self.kinds or not money or (self.is_row and self.amounts):
            return False
        if _holds_only_money(line, money) and self.is_row and len(money) == len(self.kinds):
            self.amounts = [[each] for each in money]
            return True
        strong: list[SumKind] = [kind for kind in self.kinds if kind in _STRONG]
        is_single_sum = (self.is_row or len(self.kinds) == 1) and not self.amounts and bool(strong)
        if is_single_sum and sum(bool(each.currency) for each in money) == 1:
            self.kinds = strong[:1]
        elif self.is_row or not _holds_only_money(line, money):
            return False
        self.amounts.append(list(money))
        return True

    def close(self) -> Iterator[LabelledSum]:
        """One amount for each heading. Where the counts differ, only the last amount is taken, as ambiguous."""
        if len(self.kinds) == 1 or len(self.kinds) == len(self.amounts):
            yield from map(choose_sum, self.kinds, self.amounts)
        elif self.amounts:
            yield replace(choose_sum(self.kinds[-1], self.amounts[-1]), is_ambiguous=True)
        self.kinds, self.amounts, self.is_row = [], [], False


def _holds_only_money(line: str, money: Sequence[Money]) -> bool:
    rest = "".join(
        character for place, character in enumerate(line) if not any(m.start <= place < m.end for m in money)
    )
    return not any(map(str.isalnum, rest))
