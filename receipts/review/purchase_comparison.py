"""Are two receipts about the same purchase? Judged by their facts alone; no database here."""

from __future__ import annotations

from typing import Final

from ..models import Receipt
from .comparison_keys import compare_known, compare_vendors, document_kind, normalize_number

# Two vendors rarely give the same number of so many characters to the same total on the same day.
LONG_NUMBER: Final = 4


def is_one_purchase(one: Receipt, other: Receipt) -> bool:
    """Whether both are about the same purchase. Symmetric."""
    same_document = is_same_document(one, other)
    if (one.amount, one.currency, one.is_refund) != (other.amount, other.currency, other.is_refund):
        return False
    if one.amount is None and not same_document:
        return False
    same_number, numbers_differ = compare_known(
        normalize_number(one.invoice_number), normalize_number(other.invoice_number)
    )
    same_day, days_differ = compare_known(one.issued_on, other.issued_on)
    same_vendor, vendors_differ = compare_vendors(one.vendor, other.vendor)
    if one.message_id == other.message_id and not vendors_differ and _are_invoice_and_receipt(one, other):
        return True
    if one.message_id == other.message_id and not vendors_differ:
        return same_number or not (numbers_differ or days_differ)
    if numbers_differ or days_differ:
        return False  # the next month of a subscription, say
    if same_document:
        return True
    if vendors_differ:  # a forwarded copy: the sender was taken for its vendor
        return same_number and same_day and len(normalize_number(one.invoice_number)) >= LONG_NUMBER
    return (same_number and (same_vendor or same_day)) or (same_vendor and same_day)


def share_a_mark(one: Receipt, other: Receipt) -> bool:
    """Whether they share what identifies a purchase: a number, a document, or a mail as its invoice and receipt."""
    same_number, _differ = compare_known(normalize_number(one.invoice_number), normalize_number(other.invoice_number))
    is_pair = one.message_id == other.message_id and _are_invoice_and_receipt(one, other)
    return same_number or is_pair or is_same_document(one, other)


def contradict_each_other(one: Receipt, other: Receipt) -> bool:
    _same, numbers_differ = compare_known(normalize_number(one.invoice_number), normalize_number(other.invoice_number))
    _same, days_differ = compare_known(one.issued_on, other.issued_on)
    return numbers_differ or days_differ


def is_same_document(one: Receipt, other: Receipt) -> bool:
    """The same bytes; a picture may be the logo of every mail of a sender."""
    same = bool(one.attachment_sha256) and one.attachment_sha256 == other.attachment_sha256
    return same and not one.content_type.startswith("image/")


def _are_invoice_and_receipt(one: Receipt, other: Receipt) -> bool:
    """Named so, each only one of them: two invoices of one total in one mail are two purchases."""
    return {document_kind(one), document_kind(other)} == {"invoice", "receipt"}
