"""The receipts that a receipt is compared with: those of the same business and total."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.db import connection

from runs.database import fetch_pipelined

from ..models import Receipt
from .purchase_comparison import is_same_document

# More receipts of one total aren't compared: the first ones are, where the originals are.
MAX_COMPARED: Final = 500


def fetch_candidates(receipts: Sequence[Receipt]) -> list[list[Receipt]]:
    """For each those that may be the same purchase, oldest first."""
    known = [receipt for receipt in receipts if receipt.amount is not None or is_same_document(receipt, receipt)]
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
        [Receipt.from_db(connection.alias, _COLUMNS, row) for row in found.get(receipt.pk, ())] for receipt in receipts
    ]


# What `is_one_purchase` and the links are judged by, in the order of the columns, as `from_db` needs it.
_COLUMNS: Final = tuple(
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


def _candidates_statement(amount: str, others: str = "") -> str:
    """Called by `fetch_candidates` for each receipt that was written; read by the index `receipt_same_total`.

    Raw SQL, since Django takes longer to compile this query than PostgreSQL to run it.
    """
    columns = ", ".join(f'"{name}"' for name in _COLUMNS)
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
    """  # noqa: S608 (made of constants)


_OF_SAME_TOTAL: Final = _candidates_statement(
    "= %(amount)s",
    """
            OR "message_id" = %(message_id)s
            OR "issued_on" = %(issued_on)s OR "issued_on" IS NULL OR %(issued_on)s::date IS NULL
    """,
)
_OF_NO_TOTAL: Final = _candidates_statement("IS NULL")  # only the same document counts
