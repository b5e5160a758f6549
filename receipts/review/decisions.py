"""What a person decides about a receipt, each decision kept with who and when.

A decision is one short transaction under the lock of the business's receipts: the row is read as it is then, written,
and what changed is added to its history. A sync that stores the same receipt at that moment comes before or after; if
after, it finds the decision and leaves the row alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from ..models import Receipt, ReceiptCorrection, ReviewStatus, lock_receipts_of
from .duplicates import link_duplicates, release_duplicates

FACTS: Final = ("vendor", "amount", "currency", "issued_on", "invoice_number", "is_refund")
Decision = Receipt.Decision


class ReviewConflict(Exception):
    """The receipt is not as its reader saw it. The message is for people."""

    code = "wrong_state"


class ChangedMeanwhile(ReviewConflict):
    code = "changed_meanwhile"


def correct(receipt: Receipt, changes: Mapping[str, Any], user: User, *, version: int | None = None) -> Receipt:
    """Write these facts, and the link to another receipt under `duplicate_of`: an id of the same business, or None.

    `version` is the one that the person saw. Raises `ChangedMeanwhile`, `ValidationError` for a link that can't be
    or an amount whose sign contradicts `is_refund`, and `Receipt.DoesNotExist`.
    """

    def write(row: Receipt) -> None:
        facts = _differing(row, changes)
        if facts:
            _decide(row, Decision.CORRECTED, user, **facts)
        if "duplicate_of" in changes:
            _link(row, changes["duplicate_of"], user)
        if facts:
            link_duplicates([_reread(row)])

    return _reviewed(receipt, version, write)


def approve(
    receipt: Receipt, user: User, *, changes: Mapping[str, Any] | None = None, version: int | None = None
) -> Receipt:
    """What stands there is right; with `changes`, it is after these. Raises as `correct`, and `ReviewConflict`."""

    def write(row: Receipt) -> None:
        facts = _differing(row, changes or {})
        if not facts and row.decision == Decision.APPROVED:
            raise ReviewConflict(_("The receipt is approved already."))
        _decide(row, Decision.CORRECTED if facts else Decision.APPROVED, user, **facts)
        link_duplicates([_reread(row)])

    return _reviewed(receipt, version, write)


def reject(receipt: Receipt, user: User, *, version: int | None = None) -> Receipt:
    """It is no receipt, or not one of this business: it counts no more. Raises as `approve`."""

    def write(row: Receipt) -> None:
        if row.decision == Decision.REJECTED:
            raise ReviewConflict(_("The receipt is rejected already."))
        _decide(row, Decision.REJECTED, user)
        release_duplicates(row)

    return _reviewed(receipt, version, write)


def _reviewed(receipt: Receipt, version: int | None, write: Callable[[Receipt], None]) -> Receipt:
    """The receipt after `write`, which gets it as it is under the lock."""
    with transaction.atomic():
        lock_receipts_of(receipt.business_id)
        row = _reread(receipt)
        if version is not None and version != row.version:
            raise ChangedMeanwhile(_("Somebody changed this receipt meanwhile. Look at it again."))
        write(row)
        return _reread(row)


def _reread(receipt: Receipt) -> Receipt:
    return Receipt.objects.get(pk=receipt.pk, business=receipt.business_id)


def _differing(row: Receipt, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Raises `ValidationError`."""
    facts = {name: changes[name] for name in FACTS if name in changes}
    facts |= _following_sign(row, facts)
    return {name: value for name, value in facts.items() if value != getattr(row, name)}


def _following_sign(row: Receipt, facts: Mapping[str, Any]) -> dict[str, Any]:
    """A refund's amount is negative, and no other's: whichever of the two is given decides about the other.

    Raises `ValidationError` where both are given, and disagree.
    """
    amount, is_refund = facts.get("amount", row.amount), facts.get("is_refund", row.is_refund)
    if not amount or (amount < 0) == is_refund:
        return {}
    match "amount" in facts, "is_refund" in facts:
        case True, True:
            raise ValidationError({"is_refund": _("The amount of a refund is negative, and no other amount is.")})
        case True, False:
            return {"is_refund": not is_refund}
        case False, True:
            return {"amount": -amount}
    return {}


def _decide(row: Receipt, decision: Decision, user: User, **facts: Any) -> None:
    """Write the facts and the decision in one statement, after the history of both."""
    old_status, new_status = ReviewStatus(row.review_status), ReviewStatus(decision)
    changes = [(name, getattr(row, name), value) for name, value in facts.items()]
    if old_status != new_status:
        changes.append(("review_status", old_status.value, new_status.value))
    for name, old, new in changes:
        _record(row, user, name, old, new)
    rows = Receipt.objects.filter(pk=row.pk)
    rows.update(**facts, decision=decision, needs_review=False, version=F("version") + 1)


def _link(row: Receipt, original: int | None, user: User) -> None:
    """Say what the receipt is a duplicate of, or that it is none; its own duplicates follow it."""
    if original != row.duplicate_of_id:
        if original is not None:
            _check_original(row, original)
        _record(row, user, "duplicate_of", row.duplicate_of_id, original)
        for copy in row.copies.all() if original else ():
            _record(copy, user, "duplicate_of", row.pk, original)
            Receipt.objects.filter(pk=copy.pk).update(duplicate_of=original, version=F("version") + 1)
    rows = Receipt.objects.filter(pk=row.pk)
    rows.update(duplicate_of=original, duplicate_decided=True, version=F("version") + 1)


def _check_original(row: Receipt, pk: int) -> None:
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


def _record(row: Receipt, user: User, field: str, old: Any, new: Any) -> None:
    ReceiptCorrection.objects.create(
        receipt=row, field=field, old_value=_text(old), new_value=_text(new), user=user, user_name=user.get_username()
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return "" if value is None else str(value)
