"""Do the sums of a document explain each other? Net and tax, parts and deposits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from receipts.extraction.sum_choice import ROUNDING, LabelledSum, SumKind

# More sums than this are no invoice's summary; comparing them takes quadratic time.
MAX_COMPARED: Final = 40


def sums_of(sums: Sequence[LabelledSum], *kinds: SumKind) -> list[LabelledSum]:
    return [each for each in sums if each.kind in kinds]


def is_net_plus_tax(total: LabelledSum, sums: Sequence[LabelledSum]) -> bool:
    nets = [abs(each.amount) for each in sums_of(sums, "other", "total")[:MAX_COMPARED]]
    taxes = [abs(each.amount) for each in sums_of(sums, "tax")[:MAX_COMPARED]]
    taxes += [sum(taxes, Decimal())] if taxes else []
    return any(tax and abs(net + tax - abs(total.amount)) <= ROUNDING for net in nets for tax in taxes)


def is_consistent(
    total: LabelledSum, rivals: Iterable[LabelledSum], sums: Sequence[LabelledSum], everything: set[Decimal]
) -> bool:
    """Whether every other total is this one, or differs by an amount that the document shows, as a deposit does."""
    size = abs(total.amount)
    if is_net_plus_tax(total, sums):
        return all(abs(each.amount) <= size + ROUNDING for each in rivals)
    parts = sum(abs(each.amount) for each in rivals if each.kind == "payment")
    larger = [each for each in sums if each.kind == "other" and abs(each.amount) > size + ROUNDING]
    return all(
        abs(each.amount) == size
        or (each.kind == "payment" and parts == size)
        or abs(size - abs(each.amount)) in everything
        for each in [*rivals, *larger]
    )
