"""Which of the amounts that belong to one label is its sum.

The last one, since counts, instalments and earlier prices come before it. It is sure when it is the only one, or the
sum of those before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from receipts.extraction.money import Money

SumKind = Literal["final", "payment", "total", "other", "tax", "refund", "deposit"]
# Papers round each line by itself.
ROUNDING: Final = Decimal("0.02")
# What tells a sum from the other amounts of its label, the strongest first; one that none fulfils is passed over.
_LIKELIER: Final[Sequence[Callable[[Money], bool]]] = (
    lambda money: not money.is_aside and not money.is_remark,
    lambda money: not money.is_bare,  # a bare number may be a count
    lambda money: bool(money.currency),
)


@dataclass(frozen=True)
class LabelledSum:
    """A sum and what it is called. `is_ambiguous`: another amount may be meant."""

    kind: SumKind
    amount: Decimal
    currency: str
    is_ambiguous: bool


def choose_sum(kind: SumKind, money: Sequence[Money]) -> LabelledSum:
    """The sum among the amounts of one label: a count of things, an instalment or an earlier price comes before it."""
    for is_likelier in _LIKELIER:
        money = [each for each in money if is_likelier(each)] or money
    last, before = money[-1], money[:-1]
    is_explained = all(each.amount == last.amount for each in before) or any(
        abs(sum(amounts) - last.amount) <= ROUNDING
        for amounts in ([each.amount for each in before], [each.other_reading or each.amount for each in before])
    )
    amount = last.amount
    if last.other_reading is not None and last.has_decimals:
        amount = last.other_reading
    # Accounts write a negative sum in brackets; prose adds another currency's in them.
    amount = -amount if last.is_aside and kind != "tax" else amount
    # "Total: 5" may be five of something.
    is_doubtful = not is_explained or last.other_reading is not None or last.is_bare
    return LabelledSum(kind, amount, last.currency, is_doubtful)
