"""Stores the receipts that a sync found: new ones are added, undecided ones are updated.

1. Each receipt is one upsert on the constraint `receipt_once`. Its WHERE guarantees that no sync overwrites a receipt
   that a person corrected, approved or rejected, nor one that a newer extractor found, or that this one was sure of:
   PostgreSQL evaluates it on the latest version of the row, after waiting for any transaction that writes the row.
2. Written receipts are compared with the other receipts of the business (`receipts.review.duplicates`).

The caller opens one transaction for all of it. A crash leaves nothing or everything, and it is safe to repeat.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import F

from runs.database import fetch_pipelined

from ..models import Receipt, lock_receipts_of, lock_statement
from ..review.changed_facts import FACTS as CORRECTABLE
from ..review.duplicates import link_duplicates
from ..review_reasons import ReviewReason

IDENTITY: Final = ("business_id", "message_id", "attachment_sha256")
FACTS: Final = (*CORRECTABLE, "message_text", "confidence", "needs_review", "review_reasons", "extractor_version")
ORIGIN: Final = ("mailbox_id", "found_by_id", "subject", "sender", "received_at", "file", "filename", "content_type")
COLUMNS: Final = (*IDENTITY, *ORIGIN, *FACTS)

_FIELDS: Final = {field.attname: field for field in Receipt._meta.concrete_fields}


def store_receipts(receipts: Sequence[Receipt]) -> int:
    """Store receipts of one business, inside a transaction. Returns how many of them are new.

    Its commit waits for the disk. After a crash of the server the same attempt goes on, and moves the run's cursor past
    these messages: they would never be read again.
    """
    if not receipts:
        return 0
    for receipt in receipts:
        receipt.fit_columns()
    upserts = [(UPSERT, _values(receipt)) for receipt in receipts]
    _lock, *rows = fetch_pipelined([lock_statement(receipts[0].business_id), *upserts])
    link_duplicates([receipt for receipt, row in zip(receipts, rows, strict=True) if _update_written(receipt, row)])
    return sum(is_new for written in rows for *_others, is_new in written)


def _values(receipt: Receipt) -> list[Any]:
    database = connections[DEFAULT_DB_ALIAS]  # faster than `connection`, a proxy that looks it up at every use
    return [_FIELDS[name].get_db_prep_save(getattr(receipt, name), database) for name in COLUMNS]


def _update_written(receipt: Receipt, rows: Sequence[tuple[Any, ...]]) -> bool:
    """Whether the receipt was written; if so, it gets the id, version and link of its row."""
    for row in rows:
        receipt.pk, receipt.version, receipt.duplicate_of_id, receipt.duplicate_decided, _is_new = row
    return bool(rows)


def _columns(names: Iterable[str], table: str = "") -> str:
    return ", ".join(f'{table}"{name}"' for name in names)


_TABLE: Final = '"receipts_receipt"'

# Called by `store_receipts`, under the lock of the business's receipts. Guarded by: nobody has decided about the row;
# an older extractor wrote it, or this one did and marked it for review; a column differs. A row that this extractor
# was sure of stays: it reads the same mail the same way, so a difference means another mail with the same Message-ID.
# Returns the row's id, version and link, and whether it is new (xmax is 0 where nothing was updated); no row where
# nothing was written.
UPSERT: Final = f"""
INSERT INTO {_TABLE} ({_columns(COLUMNS)})
VALUES ({", ".join(["%s"] * len(COLUMNS))})
ON CONFLICT ({_columns(IDENTITY)}) DO UPDATE
SET {", ".join(f'"{name}" = EXCLUDED."{name}"' for name in FACTS)}, "version" = {_TABLE}."version" + 1
WHERE {_TABLE}."decision" = ''
  AND (
    {_TABLE}."extractor_version" < EXCLUDED."extractor_version"
    OR ({_TABLE}."extractor_version" = EXCLUDED."extractor_version" AND {_TABLE}."needs_review")
  )
  AND ({_columns(FACTS, f"{_TABLE}.")}) IS DISTINCT FROM ({_columns(FACTS, "EXCLUDED.")})
RETURNING "id", "version", "duplicate_of_id", "duplicate_decided", xmax = 0
"""


def mark_outdated_for_review(business_id: int, message_id: str, version: int) -> None:
    """Mark for review the receipts of this message that only an older extractor found.

    Inside a transaction, after the receipts that were found again have been stored: these have the new version.
    """
    lock_receipts_of(business_id)
    rows = Receipt.objects.outdated(version).filter(business_id=business_id, message_id=message_id)
    for pk, reasons in rows.values_list("pk", "review_reasons"):
        rows.filter(pk=pk).update(
            needs_review=True,
            review_reasons=list(dict.fromkeys([*reasons, ReviewReason.NOT_CERTAIN_RECEIPT.value])),
            extractor_version=version,
            version=F("version") + 1,
        )
