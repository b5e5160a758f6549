"""One purchase once: which receipts are about the same purchase, and the links between them.

1. Two receipts are compared by their facts alone (`is_one_purchase`): the total has to be the same, and nothing that
   both say may differ, but for what an invoice and its payment receipt in one mail are allowed to.
2. The one that was found first is the original; the others point to it (`link_duplicates`). An original is never a
   duplicate itself, so a link is one step long.
3. Likeness isn't transitive: a notice without a number is like each of two invoices of one day and total. A receipt
   joins those of a purchase when it bears a mark of one of them (`_bear_one_mark`), or contradicts none of them.
4. What a person linked or unlinked stays so, and a rejected receipt is nobody's original.

Every caller but `link_all_duplicates`, which takes it, holds the lock of the business's receipts (`lock_receipts_of`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from django.db import connection, transaction
from django.db.models import F

from runs.database import fetch_pipelined

from ..models import Receipt, lock_receipts_of

# More receipts of one total aren't compared: the first ones are, where the originals are.
MAX_COMPARED: Final = 500
# In one transaction: syncs and people wait for it.
LINKED_AT_ONCE: Final = 100
# Two vendors rarely give the same number of so many characters to the same total on the same day.
LONG_NUMBER: Final = 4
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


def is_one_purchase(one: Receipt, other: Receipt) -> bool:
    """Do both tell of the same purchase? Symmetric."""
    same_document = _is_same_document(one, other)
    if (one.amount, one.currency, one.is_refund) != (other.amount, other.currency, other.is_refund):
        return False
    if one.amount is None and not same_document:
        return False
    same_number, numbers_differ = _compare(number_key(one.invoice_number), number_key(other.invoice_number))
    same_day, days_differ = _compare(one.issued_on, other.issued_on)
    same_vendor, vendors_differ = _compare_vendors(one.vendor, other.vendor)
    if one.message_id == other.message_id and not vendors_differ and _are_invoice_and_receipt(one, other):
        return True
    if one.message_id == other.message_id and not vendors_differ:
        return same_number or not (numbers_differ or days_differ)
    if numbers_differ or days_differ:
        return False  # the next month of a subscription, say
    if same_document:
        return True
    if vendors_differ:  # a copy that somebody else passed on, whose name stands on it now
        return same_number and same_day and len(number_key(one.invoice_number)) >= LONG_NUMBER
    return (same_number and (same_vendor or same_day)) or (same_vendor and same_day)


def _bear_one_mark(one: Receipt, other: Receipt) -> bool:
    """What no two purchases share: a number, a document, or being an invoice and its receipt in one mail."""
    same_number, _differ = _compare(number_key(one.invoice_number), number_key(other.invoice_number))
    is_pair = one.message_id == other.message_id and _are_invoice_and_receipt(one, other)
    return same_number or is_pair or _is_same_document(one, other)


def _contradict(one: Receipt, other: Receipt) -> bool:
    _same, numbers_differ = _compare(number_key(one.invoice_number), number_key(other.invoice_number))
    _same, days_differ = _compare(one.issued_on, other.issued_on)
    return numbers_differ or days_differ


@lru_cache(maxsize=2_000)
def vendor_key(vendor: str) -> str:
    """`Acme Ltd.`, `ACME` and `billing.acme.com` are one."""
    text = unicodedata.normalize("NFKC", vendor).casefold().replace('"', "").replace("״", "")
    if _DOMAIN.fullmatch(text):
        labels = [label for label in text.split(".")[:-1] if not _NO_NAME_IN_DOMAIN.fullmatch(label)]
        text = labels[-1] if labels else text
    words = _NOT_A_NAME.split(text)
    return "".join(word for word in words if not _LEGAL_FORM.fullmatch(word)) or "".join(words)


@lru_cache(maxsize=2_000)
def number_key(number: str) -> str:
    """`INV-0012` and `inv 0012` are one."""
    return _NOT_A_NAME.sub("", unicodedata.normalize("NFKC", number).casefold())


def _compare(one: object, other: object) -> tuple[bool, bool]:
    """(both known and the same, both known and different)"""
    known = bool(one and other)
    return known and one == other, known and one != other


def _compare_vendors(one: str, other: str) -> tuple[bool, bool]:
    """The same where one name begins with the other: `Acme` and `Acme Cloud Services`."""
    first, second = sorted((vendor_key(one), vendor_key(other)), key=len)
    if len(first) >= COMMON_START and second.startswith(first):
        return True, False
    return _compare(first, second)


def _is_same_document(one: Receipt, other: Receipt) -> bool:
    """The same bytes; a picture may be the logo of every mail of a sender."""
    same = bool(one.attachment_sha256) and one.attachment_sha256 == other.attachment_sha256
    return same and not one.content_type.startswith("image/")


def _are_invoice_and_receipt(one: Receipt, other: Receipt) -> bool:
    """Named so, each only one of them: two invoices of one total in one mail are two purchases."""
    return {_kind(one), _kind(other)} == {"invoice", "receipt"}


def _kind(receipt: Receipt) -> str:
    """Empty where its name and number don't say, or say both."""
    named = f"{receipt.filename} {receipt.invoice_number}".replace("_", " ")
    is_receipt, is_invoice = bool(_RECEIPT_NAME.search(named)), bool(_INVOICE_NAME.search(named))
    if is_receipt == is_invoice:
        return ""
    return "receipt" if is_receipt else "invoice"


def link_duplicates(receipts: Sequence[Receipt]) -> None:
    """Put right the links of receipts whose facts were written just now, and of those that are like them."""
    undecided = [receipt for receipt in receipts if receipt.decision != Receipt.Decision.REJECTED]
    undecided.sort(key=lambda receipt: receipt.pk)
    links_changed = False
    for receipt, others in zip(undecided, _comparable(undecided), strict=True):
        now_comparable = _comparable([receipt])[0] if links_changed and others else others
        links_changed |= _link(receipt, now_comparable)


def _link(receipt: Receipt, others: Sequence[Receipt]) -> bool:
    """Link one; may links have changed, its own or those of others?"""
    if not others and receipt.version == 1:
        return False  # nothing is like what is new
    same = [other for other in others if is_one_purchase(receipt, other)]
    strays = _strays(receipt, same) if receipt.version > 1 else []  # nothing points to what is new
    original = _link_to_older(receipt, same, others)
    _link_younger(receipt, same, original, others)
    if strays:  # they were like the receipt before it was corrected
        _point([stray.pk for stray in strays], None)
        for stray in strays:
            stray.duplicate_of_id = None
        link_duplicates(strays)
    return bool(same) or receipt.version > 1


def release_duplicates(original: Receipt) -> None:
    """It was rejected: the first of its duplicates that wasn't takes its place."""
    copies = Receipt.objects.filter(duplicate_of=original).order_by("pk")
    pks = list(copies.values_list("pk", flat=True))
    heir = copies.exclude(decision=Receipt.Decision.REJECTED).values_list("pk", flat=True).first()
    _point(pks if heir is None else [heir], None)
    if heir is not None:
        _point(pks, heir)


def link_all_duplicates(business_id: int) -> None:
    """Compare every receipt of a business, also those from before links were kept. Safe to repeat, and to stop."""
    rows = Receipt.objects.filter(business=business_id).order_by("pk")
    pks = list(rows.values_list("pk", flat=True))
    for start in range(0, len(pks), LINKED_AT_ONCE):
        with transaction.atomic():
            lock_receipts_of(business_id)
            link_duplicates(list(rows.filter(pk__in=pks[start : start + LINKED_AT_ONCE])))


def _comparable(receipts: Sequence[Receipt]) -> list[list[Receipt]]:
    """For each those that may be the same purchase, oldest first."""
    known = [receipt for receipt in receipts if receipt.amount is not None or _is_same_document(receipt, receipt)]
    rows = fetch_pipelined(
        (
            _OF_NO_TOTAL if receipt.amount is None else _OF_SAME_TOTAL,
            {
                name: getattr(receipt, name)
                for name in ("id", "business_id", "amount", "message_id", "attachment_sha256", "issued_on")
            },
        )
        for receipt in known
    )
    found = {receipt.pk: each for receipt, each in zip(known, rows, strict=True)}
    return [
        [Receipt.from_db(connection.alias, _COMPARED, row) for row in found.get(receipt.pk, ())] for receipt in receipts
    ]


# What `is_one_purchase` and the links are judged by, in the order of the columns, as `from_db` needs it.
_COMPARED: Final = tuple(
    field.attname
    for field in Receipt._meta.concrete_fields
    if field.attname
    in {
        "id",
        "business_id",
        "message_id",
        "attachment_sha256",
        "vendor",
        "amount",
        "currency",
        "issued_on",
        "invoice_number",
        "is_refund",
        "decision",
        "duplicate_of_id",
        "duplicate_decided",
        "version",
        "filename",
        "content_type",
    }
)


def _same_total(amount: str, others: str = "") -> str:
    """Called by `_comparable` for each receipt that was written; read by the index `receipt_same_total`.

    Written out, for Django takes longer to word it than PostgreSQL to answer.
    """
    columns = ", ".join(f'"{name}"' for name in _COMPARED)
    return f"""
        SELECT {columns}
        FROM "receipts_receipt"
        WHERE "business_id" = %(business_id)s
          AND "amount" {amount}
          AND (("attachment_sha256" = %(attachment_sha256)s AND "attachment_sha256" <> '') {others})
          AND "decision" <> '{Receipt.Decision.REJECTED}'
          AND "id" <> %(id)s
        ORDER BY "id"
        LIMIT {MAX_COMPARED}
    """  # noqa: S608 (nothing in it is anybody's but ours)


_OF_SAME_TOTAL: Final = _same_total(
    "= %(amount)s",
    """
            OR "message_id" = %(message_id)s
            OR "issued_on" = %(issued_on)s OR "issued_on" IS NULL OR %(issued_on)s::date IS NULL
    """,
)
_OF_NO_TOTAL: Final = _same_total("IS NULL")  # only the same document counts


def _strays(receipt: Receipt, same: Sequence[Receipt]) -> list[Receipt]:
    """Those that a sync linked to the receipt or its original, and that aren't like it: it may be what linked them."""
    copies = Receipt.objects.filter(duplicate_of=_original_of(receipt), duplicate_decided=False)
    return list(copies.exclude(pk__in=[receipt.pk, *(other.pk for other in same)]))


def _link_to_older(receipt: Receipt, same: Sequence[Receipt], others: Sequence[Receipt]) -> int:
    """Link the receipt to the oldest of the same purchase; the id of its original, or its own."""
    if not receipt.duplicate_decided:
        older = {_original_of(other) for other in same if min(other.pk, _original_of(other)) < receipt.pk}
        original = next((pk for pk in sorted(older - {receipt.pk}) if _may_join(receipt, pk, same, others)), None)
        if original != receipt.duplicate_of_id:
            _point([receipt.pk], original)
            receipt.duplicate_of_id = original
    return _original_of(receipt)


def _original_of(receipt: Receipt) -> int:
    return receipt.duplicate_of_id or receipt.pk


def _may_join(receipt: Receipt, original: int, same: Sequence[Receipt], others: Sequence[Receipt]) -> bool:
    """Whether the receipt is one more of the original's purchase."""
    if any(_bear_one_mark(receipt, other) for other in same if _original_of(other) == original):
        return True
    return not any(_contradict(receipt, other) for other in others if _original_of(other) == original)


def _link_younger(receipt: Receipt, same: Sequence[Receipt], original: int, others: Sequence[Receipt]) -> None:
    """Link those that were found later, and whatever has been linked to one that is a duplicate now."""
    younger: list[int] = []
    for other in same:
        is_free = not other.duplicate_decided and other.duplicate_of_id in (None, receipt.pk)
        if other.pk > original and is_free and _may_join(other, original, [receipt], others):
            other.duplicate_of_id = original  # the next one must not contradict it
            younger.append(other.pk)
    moved = [*younger, receipt.pk] if original != receipt.pk else younger
    if moved:
        copies = Receipt.objects.filter(duplicate_of__in=moved).exclude(pk=original)
        _point([*younger, *copies.values_list("pk", flat=True)], original)


def _point(pks: Sequence[int], original: int | None) -> None:
    rows = Receipt.objects.filter(pk__in={*pks} - {original}).exclude(duplicate_of=original)
    rows.update(duplicate_of=original, version=F("version") + 1)
