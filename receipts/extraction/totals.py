"""What a document asks for or gives back in all.

Of all its labelled sums the strongest wins: all of it with tax, then what is merely called a total, then what is due
or was paid. Where they contradict each other the total is ambiguous, unless the other sums on the paper explain it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice
from typing import Final

from receipts.extraction.labelled_sums import ROUNDING, Kind, LabelledSum, Row, find_sums
from receipts.extraction.labels import Labels, any_of, phrases
from receipts.extraction.money import UNKEPT, Money, find_money, named_currencies

_CURRENCY_LABELS = Labels(currency=phrases(lambda words: words.currency_labels))
_OTHER_DOLLARS = re.compile(any_of(phrases(lambda words: words.other_dollars)).removesuffix(r"(?!\w)"))
_AMERICAN = re.compile(r"(?<![A-Za-z])(?:USD|US ?\$)")
# A lone sum without a label says little; "total" alone may be a total of anything.
WEIGHTS: Final = {"final": 1.0, "payment": 1.0, "refund": 1.0, "total": 0.8, "": 0.3}
# More sums than this are no invoice's summary; comparing them takes quadratic time.
MAX_COMPARED: Final = 40


@dataclass(frozen=True)
class Total:
    """An amount of money with its currency, "" when unknown; `weight` from 0 to 1.

    `is_ambiguous`: the paper can be read in another way too, and a person should look.
    """

    amount: Decimal
    currency: str
    weight: float
    is_ambiguous: bool = False


def find_total(lines: Sequence[str], folded: Sequence[str], *, is_refund: bool = False) -> Total | None:
    """The total that lines without dates, as they are and folded, speak of; a refund's is negative."""
    rows = [Row(line, plain, find_money(line)) for line, plain in zip(lines, folded, strict=True)]
    sums = find_sums(rows)
    everything = {abs(money.amount): money for row in rows for money in row.money if not money.is_bare}
    total = _decide(sums, set(everything), is_refund=is_refund) or _lone_sum(everything.values())
    if total is None:
        return None
    total = replace(total, currency=_currency(total, sums, lines, folded))
    return replace(total, amount=-abs(total.amount)) if is_refund else total


def _lone_sum(everything: Iterable[Money]) -> Total | None:
    """The only sum that has a currency, where nothing is called a total."""
    marked = [money for money in everything if money.currency and money.amount]
    return Total(marked[0].amount, marked[0].currency, WEIGHTS[""]) if len(marked) == 1 else None


def _decide(sums: Sequence[LabelledSum], everything: set[Decimal], *, is_refund: bool) -> Total | None:
    """The total that the strongest labels agree on."""
    order: list[Kind] = ["refund", "final", "total", "payment"] if is_refund else ["final", "total", "payment"]
    by_kind = {kind: [one for one in sums if one.kind == kind] for kind in order}
    kind = next((kind for kind in order if by_kind[kind]), None)
    if kind is None:
        return None
    rivals = [one for other in order if other != kind for one in by_kind[other]]
    chosen, is_clear = _chosen(by_kind[kind], sums)
    weight = WEIGHTS[kind]
    if kind == "total" and (agreed := _agreed(by_kind[kind], by_kind["payment"])):
        chosen, is_clear, weight, rivals = agreed, True, WEIGHTS["payment"], _sums_of(sums, "total", "payment")
    elif kind == "total" and not _fits(chosen, rivals, sums, everything):
        chosen, is_clear = _paid_instead(chosen, by_kind["payment"]), False
    elif kind == "payment" and (deposits := _sums_of(sums, "deposit")):
        chosen, is_clear = _with_deposit(chosen, deposits[0], everything), False
    is_taken_back = not is_refund and bool(_sums_of(sums, "refund"))
    is_sure = is_clear and not is_taken_back and not chosen.is_ambiguous and _fits(chosen, rivals, sums, everything)
    return Total(chosen.amount, chosen.currency, weight, is_ambiguous=not is_sure)


def _sums_of(sums: Sequence[LabelledSum], *kinds: Kind) -> list[LabelledSum]:
    return [one for one in sums if one.kind in kinds]


def _paid_instead(total: LabelledSum, payments: Sequence[LabelledSum]) -> LabelledSum:
    """What was paid, if that is one sum: nearer to the truth than something that is only called a total."""
    return payments[0] if len({one.amount for one in payments}) == 1 else total


def _with_deposit(due: LabelledSum, deposit: LabelledSum, everything: set[Decimal]) -> LabelledSum:
    """All of what is partly paid already, if that stands on the paper as well."""
    whole = due.amount + abs(deposit.amount)
    return replace(due, amount=whole) if whole in everything else due


def _agreed(totals: Sequence[LabelledSum], payments: Sequence[LabelledSum]) -> LabelledSum | None:
    """The one total that was paid or is due, whatever else is called a total."""
    paid = {one.amount for one in payments}
    agreed = [one for one in totals if one.amount in paid]
    return agreed[0] if len({one.amount for one in agreed}) == 1 else None


def _chosen(candidates: Sequence[LabelledSum], sums: Sequence[LabelledSum]) -> tuple[LabelledSum, bool]:
    """One of the candidates, and whether it is sure: the only one, or the only one that net and tax add up to."""
    # Where some have a currency, the others are counts.
    candidates = [one for one in candidates if one.currency] or candidates
    if len({one.amount for one in candidates}) == 1:
        return min(candidates, key=lambda one: one.is_ambiguous), True
    # The last ones: a paper's sums stand at its end.
    different = {one.amount: one for one in reversed(candidates)}.values()
    added = [one for one in islice(different, MAX_COMPARED) if _adds_up(one, sums)]
    if len({one.amount for one in added}) == 1:
        return added[0], True
    return max(candidates, key=lambda one: abs(one.amount)), False


def _adds_up(total: LabelledSum, sums: Sequence[LabelledSum]) -> bool:
    nets = [abs(one.amount) for one in _sums_of(sums, "other", "total")[:MAX_COMPARED]]
    taxes = [abs(one.amount) for one in _sums_of(sums, "tax")[:MAX_COMPARED]]
    taxes += [sum(taxes, Decimal())] if taxes else []
    return any(tax and abs(net + tax - abs(total.amount)) <= ROUNDING for net in nets for tax in taxes)


def _fits(
    total: LabelledSum, rivals: Iterable[LabelledSum], sums: Sequence[LabelledSum], everything: set[Decimal]
) -> bool:
    """Whether every other total is this one, or differs by an amount that stands on the paper, as a deposit does."""
    size = abs(total.amount)
    if _adds_up(total, sums):
        return all(abs(one.amount) <= size + ROUNDING for one in rivals)
    parts = sum(abs(one.amount) for one in rivals if one.kind == "payment")
    larger = [one for one in sums if one.kind == "other" and abs(one.amount) > size + ROUNDING]
    return all(
        abs(one.amount) == size
        or (one.kind == "payment" and parts == size)
        or abs(size - abs(one.amount)) in everything
        for one in [*rivals, *larger]
    )


def _currency(total: Total, sums: Sequence[LabelledSum], lines: Sequence[str], folded: Sequence[str]) -> str:
    """The currency beside the total, else that of its equals, else the only one that the paper names."""
    beside = {one.currency for one in sums if abs(one.amount) == abs(total.amount) and one.currency}
    beside |= {total.currency} if total.currency else set()
    if not beside:
        beside = _labelled_currencies(lines, folded) or named_currencies(lines)
    elif beside == {"USD"} and not _are_american(lines, folded):
        return ""
    return beside.pop().strip(UNKEPT) if len(beside) == 1 else ""


def _are_american(lines: Sequence[str], folded: Sequence[str]) -> bool:
    """Whether a paper's dollars are: not where it names another country's, or a tax or register of one."""
    if any(_AMERICAN.search(line) for line in lines):
        return True
    return "USD" in named_currencies(lines) and not any(_OTHER_DOLLARS.search(line) for line in folded)


def _labelled_currencies(lines: Sequence[str], folded: Sequence[str]) -> set[str]:
    found = (
        [line[label.end :]] for line, plain in zip(lines, folded, strict=True) for label in _CURRENCY_LABELS.find(plain)
    )
    return {currency for rest in found for currency in named_currencies(rest)}
