"""The facts that a person may correct, and which of them a request changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from ..models import Receipt

FACTS: Final = ("vendor", "amount", "currency", "issued_on", "invoice_number", "is_refund")


def changed_facts(row: Receipt, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Raises `ValidationError`."""
    facts = {name: changes[name] for name in FACTS if name in changes}
    facts |= _facts_following_sign(row, facts)
    return {name: value for name, value in facts.items() if value != getattr(row, name)}


def _facts_following_sign(row: Receipt, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the sign and `is_refund` consistent, as only refunds are negative: the one that is given sets the other.

    Raises `ValidationError` where both are given, and disagree.
    """
    amount, is_refund = facts.get("amount", row.amount), facts.get("is_refund", row.is_refund)
    if not amount or (amount < 0) == is_refund:
        return {}
    match "amount" in facts, "is_refund" in facts:
        case True, True:
            raise ValidationError({"is_refund": _("The amount must be negative for a refund, and positive otherwise.")})
        case True, False:
            return {"is_refund": not is_refund}
        case False, True:
            return {"amount": -amount}
    return {}
