"""What a document asks for or gives back in all.

Of all its labelled sums the strongest wins: all of it with tax, then what is merely called a total, then what is due
or was paid. Where they contradict each other the total is ambiguous, unless the other sums on the paper explain it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from receipts.extraction.labelled_sums import Row, find_sums
from receipts.extraction.money import Money, find_money
from receipts.extraction.total_choice import WEIGHTS, Total, choose_total
from receipts.extraction.total_currency import find_currency


def find_total(lines: Sequence[str], folded: Sequence[str], *, is_refund: bool = False) -> Total | None:
    """The total that lines without dates, as they are and folded, speak of; a refund's is negative."""
    rows = [Row(line, plain, find_money(line)) for line, plain in zip(lines, folded, strict=True)]
    sums = find_sums(rows)
    everything = {abs(money.amount): money for row in rows for money in row.money if not money.is_bare}
    total = choose_total(sums, set(everything), is_refund=is_refund) or _find_lone_sum(everything.values())
    if total is None:
        return None
    total = replace(total, currency=find_currency(total, sums, lines, folded))
    return replace(total, amount=-abs(total.amount)) if is_refund else total


def _find_lone_sum(everything: Iterable[Money]) -> Total | None:
    """The only sum that has a currency, where nothing is called a total."""
    marked = [money for money in everything if money.currency and money.amount]
    return Total(marked[0].amount, marked[0].currency, WEIGHTS[""]) if len(marked) == 1 else None
