"""Normalizes the vendor and number of receipts for comparison, and reads invoice or receipt out of file names."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from ..models import Receipt

COMMON_START: Final = 4
_NOT_A_NAME = re.compile(r"[\W_]+")
_DOMAIN = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_LEGAL_FORM = re.compile(
    "ltd|limited|inc|llc|llp|plc|corp|co|company|gmbh|ag|kg|ug|bv|nv|sas?|sarl|srl|spa|sl|oy|ab|as|aps|pty|pbc|the"
    "|בעמ|בע|מ"
)
_NO_NAME_IN_DOMAIN = re.compile("www|mail|email|billing|invoices?|receipts?|news|info|com|net|org|gov|..?")
_RECEIPT_NAME = re.compile(
    r"receipt|payment|\b(?:rec|rcpt|rct)\b|kabala|קבל[הת]|quittung|re[cç]u|recibo|ricevuta|kwitantie", re.IGNORECASE
)
_INVOICE_NAME = re.compile(r"\binv|bill|heshbonit|חשבונית|rechnung|facture|factuur|factura|fattura", re.IGNORECASE)


@lru_cache(maxsize=2_000)
def normalize_vendor(vendor: str) -> str:
    """`Acme Ltd.`, `ACME` and `billing.acme.com` are one."""
    text = unicodedata.normalize("NFKC", vendor).casefold().replace('"', "").replace("״", "")
    if _DOMAIN.fullmatch(text):
        labels = [label for label in text.split(".")[:-1] if not _NO_NAME_IN_DOMAIN.fullmatch(label)]
        text = labels[-1] if labels else text
    words = _NOT_A_NAME.split(text)
    return "".join(word for word in words if not _LEGAL_FORM.fullmatch(word)) or "".join(words)


@lru_cache(maxsize=2_000)
def normalize_number(number: str) -> str:
    """`INV-0012` and `inv 0012` are one."""
    return _NOT_A_NAME.sub("", unicodedata.normalize("NFKC", number).casefold())


def compare_known(value: object, other: object) -> tuple[bool, bool]:
    """(both known and the same, both known and different)"""
    known = bool(value and other)
    return known and value == other, known and value != other


def compare_vendors(value: str, other: str) -> tuple[bool, bool]:
    """The same where one name begins with the other: `Acme` and `Acme Cloud Services`."""
    first, second = sorted((normalize_vendor(value), normalize_vendor(other)), key=len)
    if len(first) >= COMMON_START and second.startswith(first):
        return True, False
    return compare_known(first, second)


def document_kind(receipt: Receipt) -> str:
    """Empty where its name and number don't say, or say both."""
    named = f"{receipt.filename} {receipt.invoice_number}".replace("_", " ")
    is_receipt, is_invoice = bool(_RECEIPT_NAME.search(named)), bool(_INVOICE_NAME.search(named))
    if is_receipt == is_invoice:
        return ""
    return "receipt" if is_receipt else "invoice"
