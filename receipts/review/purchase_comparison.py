"""Are two receipts about the same purchase? Judged by their facts alone; no database here."""

from __future__ import annotations

from typing import Final

from ..models import Receipt
from .comparison_keys import compare_known, compare_vendors, document_kind, normalize_number

# Two vendors rarely give the same number of so many characters to the same total on the same day.
LONG_NUMBER: Final = 4


def is_one_purchase(receipt: Receipt, other: Receipt) -> bool:
    """Whether both are about the same purchase. Symmetric."""
    same_document = is_same_document(receipt, other)
    if (receipt.amount, receipt.currency, receipt.is_refund) != (other.amount, other.currency, other.is_refund):
        return False
    if receipt.amount is None and not same_document:
        return False
    same_number, numbers_differ = compare_known(
        normalize_number(receipt.invoice_number), normalize_number(other.invoice_number)
    )
    same_day, days_differ = compare_known(receipt.issued_on, other.issued_on)
    same_vendor, vendors_differ = compare_vendors(receipt.vendor, other.vendor)
    if receipt.message_id == other.message_id and not vendors_differ and _are_invoice_and_receipt(receipt, other):
        return True
    if receipt.message_id == other.message_id and not vendors_differ:
        return same_number or not (numbers_differ or days_differ)
    if numbers_differ or days_differ:
        return False  # the next month of a subscription, say
    if same_document:
        return True
    if vendors_differ:  # a forwarded copy: the sender was taken for its vendor
        return same_number and same_day and len(normalize_number(receipt.invoice_number)) >= LONG_NUMBER
    return (same_number and (same_vendor or same_day)) or (same_vendor and same_day)


def share_a_mark(receipt: Receipt, other: Receipt) -> bool:
    """Whether they share what identifies a purchase: a number, a document, or a mail as its invoice and receipt."""
    same_number, _differ = compare_known(
        normalize_number(receipt.invoice_number), normalize_number(other.invoice_number)
    )
    is_pair = receipt.message_id == other.message_id and _are_invoice_and_receipt(receipt, other)
    return same_number or is_pair or is_same_document(receipt, other)


def contradict_each_other(receipt: Receipt, other: Receipt) -> bool:
    _same, numbers_differ = compare_known(
        normalize_number(receipt.invoice_number), normalize_number(other.invoice_number)
    )
    _same, days_differ = compare_known(receipt.issued_on, other.issued_on)
    return numbers_differ or days_differ


def is_same_document(receipt: Receipt, other: Receipt) -> bool:
    """The same bytes; a picture may be the logo of every mail of a sender."""
    same = bool(receipt.attachment_sha256) and receipt.attachment_sha256 == other.attachment_sha256
    return same and not receipt.content_type.startswith("image/")


def _are_invoice_and_receipt(receipt: Receipt, other: Receipt) -> bool:
    """Named so, each only one of them: two invoices of one total in one mail are two purchases."""
    return {document_kind(receipt), document_kind(other)} == {"invoice", "receipt"}
