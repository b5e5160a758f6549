"""The receipts of one purchase: an original, and the duplicates that point to it.

Every caller holds the lock of the business's receipts (`lock_receipts_of`).
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import F

from ..models import Receipt
from .purchase_comparison import contradict_each_other, share_a_mark


def find_no_longer_matching(receipt: Receipt, matching: Sequence[Receipt]) -> list[Receipt]:
    """Those that a sync linked to this purchase, maybe by the receipt's old facts, and that no longer match it."""
    copies = Receipt.objects.filter(duplicate_of=original_of(receipt), duplicate_decided=False)
    return list(copies.exclude(pk__in=[receipt.pk, *(other.pk for other in matching)]))


def original_of(receipt: Receipt) -> int:
    return receipt.duplicate_of_id or receipt.pk


def may_join_purchase(receipt: Receipt, original: int, matching: Sequence[Receipt], others: Sequence[Receipt]) -> bool:
    """Whether the receipt is one more of the original's purchase."""
    if any(share_a_mark(receipt, other) for other in matching if original_of(other) == original):
        return True
    return not any(contradict_each_other(receipt, other) for other in others if original_of(other) == original)


def point_to_original(pks: Sequence[int], original: int | None) -> None:
    rows = Receipt.objects.filter(pk__in={*pks} - {original}).exclude(duplicate_of=original)
    rows.update(duplicate_of=original, version=F("version") + 1)
