"""Corrects, approves and rejects receipts, and records who did it and when.

A decision is one short transaction under the lock of the business's receipts: the row is read as it is then, written,
and what changed is added to its history. A sync that stores the same receipt at that moment comes before or after; if
after, it finds the decision and leaves the row alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from ..models import Receipt, lock_receipts_of
from .changed_facts import changed_facts
from .decision_writes import write_decision, write_link
from .duplicates import link_duplicates, release_duplicates

Decision = Receipt.Decision


class ReviewConflict(Exception):
    """The receipt changed since the reviewer loaded it. The message is shown to users."""

    code = "wrong_state"


class ChangedMeanwhile(ReviewConflict):
    code = "changed_meanwhile"


def correct_receipt(receipt: Receipt, changes: Mapping[str, Any], user: User, *, version: int | None = None) -> Receipt:
    """Write these facts, and the link to another receipt under `duplicate_of`: an id of the same business, or None.

    `version` is the one that the person saw. Raises `ChangedMeanwhile`, `ValidationError` for a link that can't be
    or an amount whose sign contradicts `is_refund`, and `Receipt.DoesNotExist`.
    """

    def write(row: Receipt) -> None:
        facts = changed_facts(row, changes)
        if facts:
            write_decision(row, Decision.CORRECTED, user, **facts)
        if "duplicate_of" in changes:
            write_link(row, changes["duplicate_of"], user)
        if facts:
            link_duplicates([_refetch(row)])

    return _change_locked(receipt, version, write)


def approve_receipt(
    receipt: Receipt, user: User, *, changes: Mapping[str, Any] | None = None, version: int | None = None
) -> Receipt:
    """Approve the receipt, after writing `changes`. Raises as `correct_receipt`, and `ReviewConflict`."""

    def write(row: Receipt) -> None:
        facts = changed_facts(row, changes or {})
        if not facts and row.decision == Decision.APPROVED:
            raise ReviewConflict(_("The receipt is approved already."))
        write_decision(row, Decision.CORRECTED if facts else Decision.APPROVED, user, **facts)
        link_duplicates([_refetch(row)])

    return _change_locked(receipt, version, write)


def reject_receipt(receipt: Receipt, user: User, *, version: int | None = None) -> Receipt:
    """Reject what is no receipt, or not one of this business. Raises as `approve_receipt`."""

    def write(row: Receipt) -> None:
        if row.decision == Decision.REJECTED:
            raise ReviewConflict(_("The receipt is rejected already."))
        write_decision(row, Decision.REJECTED, user)
        release_duplicates(row)

    return _change_locked(receipt, version, write)


def _change_locked(receipt: Receipt, version: int | None, write: Callable[[Receipt], None]) -> Receipt:
    """Lock the business's receipts, reread the receipt, let `write` change it, and return it as it is then."""
    with transaction.atomic():
        lock_receipts_of(receipt.business_id)
        row = _refetch(receipt)
        if version is not None and version != row.version:
            raise ChangedMeanwhile(_("Somebody else has just changed this receipt. Check it again."))
        write(row)
        return _refetch(row)


def _refetch(receipt: Receipt) -> Receipt:
    return Receipt.objects.get(pk=receipt.pk, business=receipt.business_id)
