"""Links the receipts of one purchase, so that every purchase counts once.

1. Two receipts are compared by their facts alone (`is_one_purchase`): the total has to be the same, and nothing that
   both say may differ, but for what an invoice and its payment receipt in one mail are allowed to.
2. The one that was found first is the original; the others point to it (`link_duplicates`). An original is never a
   duplicate itself, so a link is one step long.
3. Matching isn't transitive: a notice without a number matches each of two invoices of one day and total. A receipt
   joins a purchase if it shares a mark with one of its receipts (`share_a_mark`), or contradicts none of them.
4. A link that a person set or removed is never changed, and a rejected receipt is never an original.

Callers hold the lock of the business's receipts (`lock_receipts_of`); `link_all_duplicates` takes it itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.db import transaction

from ..models import Receipt, lock_receipts_of
from .duplicate_candidates import fetch_candidates
from .purchase_comparison import is_one_purchase
from .purchase_groups import find_no_longer_matching, may_join_purchase, original_of, point_to_original

# In one transaction: syncs and people wait for it.
LINKED_AT_ONCE: Final = 100


def link_duplicates(receipts: Sequence[Receipt]) -> None:
    """Update the links of receipts whose facts have just been written, and of those that match them."""
    undecided = [receipt for receipt in receipts if receipt.decision != Receipt.Decision.REJECTED]
    undecided.sort(key=lambda receipt: receipt.pk)
    links_changed = False
    for receipt, others in zip(undecided, fetch_candidates(undecided), strict=True):
        now_comparable = fetch_candidates([receipt])[0] if links_changed and others else others
        links_changed |= _link_one(receipt, now_comparable)


def _link_one(receipt: Receipt, others: Sequence[Receipt]) -> bool:
    """Link one receipt. Whether any link may have changed."""
    if not others and receipt.version == 1:
        return False  # a new receipt that matches none has nothing to link
    matching = [other for other in others if is_one_purchase(receipt, other)]
    # Nothing is linked to a new receipt yet.
    no_longer_matching = find_no_longer_matching(receipt, matching) if receipt.version > 1 else []
    original = _link_to_older(receipt, matching, others)
    _link_younger(receipt, matching, original, others)
    if no_longer_matching:  # they matched the receipt before it was corrected
        point_to_original([duplicate.pk for duplicate in no_longer_matching], None)
        for duplicate in no_longer_matching:
            duplicate.duplicate_of_id = None
        link_duplicates(no_longer_matching)
    return bool(matching) or receipt.version > 1


def release_duplicates(original: Receipt) -> None:
    """Make the oldest duplicate of a rejected receipt the original of the others."""
    copies = Receipt.objects.filter(duplicate_of=original).order_by("pk")
    pks = list(copies.values_list("pk", flat=True))
    heir = copies.exclude(decision=Receipt.Decision.REJECTED).values_list("pk", flat=True).first()
    point_to_original(pks if heir is None else [heir], None)
    if heir is not None:
        point_to_original(pks, heir)


def link_all_duplicates(business_id: int) -> None:
    """Compare every receipt of a business, also those from before links were kept. Safe to repeat, and to stop."""
    rows = Receipt.objects.filter(business=business_id).order_by("pk")
    pks = list(rows.values_list("pk", flat=True))
    for start in range(0, len(pks), LINKED_AT_ONCE):
        with transaction.atomic():
            lock_receipts_of(business_id)
            link_duplicates(list(rows.filter(pk__in=pks[start : start + LINKED_AT_ONCE])))


def _link_to_older(receipt: Receipt, matching: Sequence[Receipt], others: Sequence[Receipt]) -> int:
    """Link the receipt to the oldest of the same purchase; the id of its original, or its own."""
    if not receipt.duplicate_decided:
        older = {original_of(other) for other in matching if min(other.pk, original_of(other)) < receipt.pk}
        original = next(
            (pk for pk in sorted(older - {receipt.pk}) if may_join_purchase(receipt, pk, matching, others)), None
        )
        if original != receipt.duplicate_of_id:
            point_to_original([receipt.pk], original)
            receipt.duplicate_of_id = original
    return original_of(receipt)


def _link_younger(receipt: Receipt, matching: Sequence[Receipt], original: int, others: Sequence[Receipt]) -> None:
    """Link those that were found later, and the duplicates of each receipt that has become a duplicate itself."""
    younger: list[int] = []
    for other in matching:
        is_free = not other.duplicate_decided and other.duplicate_of_id in (None, receipt.pk)
        if other.pk > original and is_free and may_join_purchase(other, original, [receipt], others):
            other.duplicate_of_id = original  # the next one must not contradict it
            younger.append(other.pk)
    moved = [*younger, receipt.pk] if original != receipt.pk else younger
    if moved:
        copies = Receipt.objects.filter(duplicate_of__in=moved).exclude(pk=original)
        point_to_original([*younger, *copies.values_list("pk", flat=True)], original)
