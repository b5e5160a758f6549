"""Stores what a sync found: new receipts are added, undecided ones are updated.

1. Each receipt is one upsert on the constraint `receipt_once`. Its WHERE is the promise that no sync overwrites what
   a person corrected, approved or rejected, nor what a newer extractor wrote or this one was sure of: PostgreSQL
   judges it on the row as it is at that moment, after waiting for whoever writes it.
2. What was written is compared with the other receipts of the business (`receipts.review.duplicates`).

All of it is one transaction of the caller's, and safe to repeat: a crash leaves nothing or everything.
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
ORIGIN: Final = ("mailbox_id", "subject", "sender", "received_at", "file", "filename", "content_type")
COLUMNS: Final = (*IDENTITY, *ORIGIN, *FACTS)

_FIELDS: Final = {field.attname: field for field in Receipt._meta.concrete_fields}


def store_receipts(receipts: Sequence[Receipt]) -> None:
    """The receipts of a message or several, of one business; inside a transaction."""
    if not receipts:
        return
    for receipt in receipts:
        receipt.fit_columns()
    upserts = [(UPSERT, _values(receipt)) for receipt in receipts]
    _setting, _lock, *rows = fetch_pipelined([COMMIT_UNAWAITED, lock_statement(receipts[0].business_id), *upserts])
    link_duplicates([receipt for receipt, row in zip(receipts, rows, strict=True) if _was_written(receipt, row)])


def _values(receipt: Receipt) -> list[Any]:
    database = connections[DEFAULT_DB_ALIAS]  # itself: `connection` looks it up at each of many uses
    return [_FIELDS[name].get_db_prep_save(getattr(receipt, name), database) for name in COLUMNS]


def _was_written(receipt: Receipt, rows: Sequence[tuple[Any, ...]]) -> bool:
    """Then the receipt knows its id, version and link."""
    for row in rows:
        receipt.pk, receipt.version, receipt.duplicate_of_id, receipt.duplicate_decided = row
    return bool(rows)


def _columns(names: Iterable[str], table: str = "") -> str:
    return ", ".join(f'{table}"{name}"' for name in names)


# The commit doesn't wait for the disk. The flush that moves the run's cursor past these messages commits later, waits,
# and the log is written in order: a server that crashes forgets both and the messages are read again, or neither.
COMMIT_UNAWAITED: Final = ("SELECT set_config('synchronous_commit', 'off', true)", ())

_TABLE: Final = '"receipts_receipt"'

# Called by `store_receipts`, under the lock of the business's receipts. Guarded by: nobody has decided about the row;
# an older extractor wrote it, or this one that was in doubt; something differs. What this extractor was sure of stays:
# it reads the same mail the same way, so that only another mail that bears the same Message-ID could say something
# else. Returns the row's id, version and link; no row where nothing was written.
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
RETURNING "id", "version", "duplicate_of_id", "duplicate_decided"
"""


def doubt_receipts(business_id: int, message_id: str, version: int) -> None:
    """Mark for review what only an older extractor took for a receipt in this message.

    Inside a transaction, after those that were found again have been stored: they have the new version.
    """
    lock_receipts_of(business_id)
    doubt = ReviewReason.NOT_CERTAIN_RECEIPT.value
    rows = Receipt.objects.outdated(version).filter(business_id=business_id, message_id=message_id)
    for pk, reasons in rows.values_list("pk", "review_reasons"):
        rows.filter(pk=pk).update(
            needs_review=True,
            review_reasons=list(dict.fromkeys([*reasons, doubt])),
            extractor_version=version,
            version=F("version") + 1,
        )
