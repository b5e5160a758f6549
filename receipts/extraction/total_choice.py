"""Which of a document's labelled sums is its total.

The strongest label wins: all of it with tax, then what is merely called a total, then what is due or was paid. Where
labels contradict each other the total is ambiguous, unless the other sums on the paper explain it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice
from typing import Final

from receipts.extraction.sum_checks import MAX_COMPARED, is_consistent, is_net_plus_tax, sums_of
from receipts.extraction.sum_choice import LabelledSum, SumKind

# A lone sum without a label says little; "total" alone may be a total of anything.
WEIGHTS: Final = {"final": 1.0, "payment": 1.0, "refund": 1.0, "total": 0.8, "": 0.3}


@dataclass(frozen=True)
class Total:
    """An amount of money with its currency, "" when unknown; `weight` from 0 to 1.

    `is_ambiguous`: the paper can be read in another way too, and a person should look.
    """

    amount: Decimal
    currency: str
    weight: float
    is_ambiguous: bool = False


def choose_total(sums: Sequence[LabelledSum], everything: set[Decimal], *, is_refund: bool) -> Total | None:
    """The total that the strongest labels agree on."""
    order: list[SumKind] = ["refund", "final", "total", "payment"] if is_refund else ["final", "total", "payment"]
    by_kind = {kind: [each for each in sums if each.kind == kind] for kind in order}
    kind = next((kind for kind in order if by_kind[kind]), None)
    if kind is None:
        return None
    rivals = [each for other in order if other != kind for each in by_kind[other]]
    chosen, is_clear = _choose_candidate(by_kind[kind], sums)
    weight = WEIGHTS[kind]
    if kind == "total" and (agreed := _find_agreed(by_kind[kind], by_kind["payment"])):
        chosen, is_clear, weight, rivals = agreed, True, WEIGHTS["payment"], sums_of(sums, "total", "payment")
    elif kind == "total" and not is_consistent(chosen, rivals, sums, everything):
        chosen, is_clear = _prefer_payment(chosen, by_kind["payment"]), False
    elif kind == "payment" and (deposits := sums_of(sums, "deposit")):
        chosen, is_clear = _add_deposit(chosen, deposits[0], everything), False
    is_taken_back = not is_refund and bool(sums_of(sums, "refund"))
    is_sure = (
        is_clear and not is_taken_back and not chosen.is_ambiguous and is_consistent(chosen, rivals, sums, everything)
    )
    return Total(chosen.amount, chosen.currency, weight, is_ambiguous=not is_sure)


def _prefer_payment(total: LabelledSum, payments: Sequence[LabelledSum]) -> LabelledSum:
    """The amount paid if there is only one: it is more reliable than a sum that is merely called a total."""
    return payments[0] if len({each.amount for each in payments}) == 1 else total


def _add_deposit(due: LabelledSum, deposit: LabelledSum, everything: set[Decimal]) -> LabelledSum:
    """What is due and the deposit together, if the document shows that sum too."""
    whole = due.amount + abs(deposit.amount)
    return replace(due, amount=whole) if whole in everything else due


def _find_agreed(totals: Sequence[LabelledSum], payments: Sequence[LabelledSum]) -> LabelledSum | None:
    """The one total that was paid or is due, whatever else is called a total."""
    paid = {each.amount for each in payments}
    agreed = [each for each in totals if each.amount in paid]
    return agreed[0] if len({each.amount for each in agreed}) == 1 else None


def _choose_candidate(candidates: Sequence[LabelledSum], sums: Sequence[LabelledSum]) -> tuple[LabelledSum, bool]:
    """One of the candidates, and whether it is sure: the only one, or the only one that net and tax add up to."""
    # Where some have a currency, the others are counts.
    candidates = [each for each in candidates if each.currency] or candidates
    if len({each.amount for each in candidates}) == 1:
        return min(candidates, key=lambda each: each.is_ambiguous), True
    # The last ones: a paper's sums stand at its end.
    different = {each.amount: each for each in reversed(candidates)}.values()
    added = [each for each in islice(different, MAX_COMPARED) if is_net_plus_tax(each, sums)]
    if len({each.amount for each in added}) == 1:
        return added[0], True
    return max(candidates, key=lambda each: abs(each.amount)), False
