"""The writes of a decision: the receipt's row, its link to another receipt, and their history.

Every caller holds the lock of the business's receipts (`lock_receipts_of`).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import F
from django.utils.translation import gettext as _

from ..models import Receipt, ReceiptCorrection, ReviewStatus

Decision = Receipt.Decision


def write_decision(row: Receipt, decision: Decision, user: User, **facts: Any) -> None:
    """Write the facts and the decision in one statement, after the history of both."""
    old_status, new_status = ReviewStatus(row.review_status), ReviewStatus(decision)
    changes = [(name, getattr(row, name), value) for name, value in facts.items()]
    if old_status != new_status:
        changes.append(("review_status", old_status.value, new_status.value))
    for name, old, new in changes:
        record_correction(row, user, name, old, new)
    rows = Receipt.objects.filter(pk=row.pk)
    rows.update(**facts, decision=decision, needs_review=False, version=F("version") + 1)


def write_link(row: Receipt, original: int | None, user: User) -> None:
    """Link the receipt to its original, or unlink it; its own duplicates are linked to the same original."""
    if original != row.duplicate_of_id:
        if original is not None:
            check_original(row, original)
        record_correction(row, user, "duplicate_of", row.duplicate_of_id, original)
        for copy in row.copies.all() if original else ():
            record_correction(copy, user, "duplicate_of", row.pk, original)
            Receipt.objects.filter(pk=copy.pk).update(duplicate_of=original, version=F("version") + 1)
    rows = Receipt.objects.filter(pk=row.pk)
    rows.update(duplicate_of=original, duplicate_decided=True, version=F("version") + 1)


def check_original(row: Receipt, pk: int) -> None:
    """Raises `ValidationError`. Another business's receipt is none."""
    original = Receipt.objects.filter(business=row.business_id, pk=pk).first()
    if original is None:
        problem = _("There is no such receipt.")
    elif original.pk == row.pk:
        problem = _("A receipt can't be a duplicate of itself.")
    elif original.decision == Decision.REJECTED:
        problem = _("That receipt is rejected.")
    elif original.duplicate_of_id:
        problem = _("That receipt is a duplicate itself, of No. %(id)d.") % {"id": original.duplicate_of_id}
    else:
        return
    raise ValidationError({"duplicate_of": problem})


def record_correction(row: Receipt, user: User, field: str, old: Any, new: Any) -> None:
    ReceiptCorrection.objects.create(
        receipt=row,
        field=field,
        old_value=_stored_text(old),
        new_value=_stored_text(new),
        user=user,
        user_name=user.get_username(),
    )


def _stored_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return "" if value is None else str(value)
