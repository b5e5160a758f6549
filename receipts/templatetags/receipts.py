"""Template filters for receipts."""

from __future__ import annotations

from django import template

from ..models import Receipt

register = template.Library()


@register.filter
def money(receipt: Receipt) -> str:
    """`₪1,234.50`: both languages write it so, but Django's Hebrew formats don't group digits."""
    if receipt.amount is None:
        return "–"
    sign = "-" if receipt.amount < 0 else ""
    return f"{sign}{receipt.get_currency_display()}{abs(receipt.amount):,.2f}"
