"""Stores the receipts that a sync found: new ones are added, undecided ones are updated.

1. Each receipt is one upsert on the constraint `receipt_once`. Its WHERE guarantees that no sync overwrites a receipt
   that a person corrected, approved or rejected, nor one of another mail, nor one that a newer extractor found, or that
   this one was sure of: PostgreSQL evaluates it on the latest version of the row, after waiting for any transaction
   that writes the row.
2. A Message-ID proves nothing: some senders reuse one, and anybody can copy one. Where the row of another mail has it,
   the receipt is stored under an id of its own (`_own_message_id`), which is the same whenever its mail is read again.
3. Written receipts are compared with the other receipts of the business (`receipts.review.duplicates`).

The caller opens one transaction for all of it. A crash leaves nothing or everything, and it is safe to repeat.
"""

from __future__ import annotations

import hashlib
import json
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
# What distinguishes a mail from another with the same Message-ID.
MAIL: Final = ("subject", "sender", "received_at")
COLUMNS: Final = ("business_id", "attachment_sha256", *ORIGIN, *FACTS, "message_id")

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
    upserts = [(UPSERT, _upsert_parameters(receipt)) for receipt in receipts]
    _lock, *rows = fetch_pipelined([lock_statement(receipts[0].business_id), *upserts])
    link_duplicates([receipt for receipt, row in zip(receipts, rows, strict=True) if _update_written(receipt, row)])
    return sum(is_new for written in rows for *_others, is_new in written)


def _upsert_parameters(receipt: Receipt) -> list[Any]:
    database = connections[DEFAULT_DB_ALIAS]  # faster than `connection`, a proxy that looks it up at every use
    values = {name: _FIELDS[name].get_db_prep_save(getattr(receipt, name), database) for name in COLUMNS}
    *others, message_id = values.values()
    return [*others, *(values[name] for name in (*IDENTITY, *MAIL)), _own_message_id(receipt), message_id]


def message_ids_of(mail: Receipt) -> tuple[str, str]:
    """Under which its receipts may be stored."""
    return mail.message_id, _own_message_id(mail)


def _own_message_id(mail: Receipt) -> str:
    """The id of a mail whose Message-ID is another mail's. Its copies in other folders and mailboxes have the same."""
    facts = [mail.message_id, *(str(getattr(mail, name)) for name in MAIL)]
    return f"sha256:{hashlib.sha256(json.dumps(facts).encode()).hexdigest()}"


def _update_written(receipt: Receipt, rows: Sequence[tuple[Any, ...]]) -> bool:
    """Whether the receipt was written; if so, it gets the ids, version and link of its row."""
    for row in rows:
        receipt.pk, receipt.message_id, receipt.version, *links, _is_new = row
        receipt.duplicate_of_id, receipt.duplicate_decided = links
    return bool(rows)


def _columns(names: Iterable[str], table: str = "") -> str:
    return ", ".join(f'{table}"{name}"' for name in names)


_TABLE: Final = '"receipts_receipt"'

# Called by `store_receipts`, under the lock of the business's receipts, so that no other row can take the Message-ID
# meanwhile. Guarded by: nobody has decided about the row; it is of the same mail; an older extractor wrote it, or this
# one did and marked it for review; a column differs. A row that this extractor was sure of stays: it reads the same
# mail the same way, or less of it where a limit of time ends the reading. Returns the row's ids, version and link, and
# whether it is new (xmax is 0 where nothing was updated); no row where nothing was written.
UPSERT: Final = f"""
INSERT INTO {_TABLE} ({_columns(COLUMNS)})
VALUES (
  {", ".join(["%s"] * (len(COLUMNS) - 1))},
  CASE WHEN EXISTS (
    SELECT FROM {_TABLE}
    WHERE ({_columns(IDENTITY)}) = (%s, %s, %s) AND ({_columns(MAIL)}) IS DISTINCT FROM (%s, %s, %s)
  ) THEN %s ELSE %s END
)
ON CONFLICT ({_columns(IDENTITY)}) DO UPDATE
SET {", ".join(f'"{name}" = EXCLUDED."{name}"' for name in FACTS)}, "version" = {_TABLE}."version" + 1
WHERE {_TABLE}."decision" = ''
  AND ({_columns(MAIL, f"{_TABLE}.")}) IS NOT DISTINCT FROM ({_columns(MAIL, "EXCLUDED.")})
  AND (
    {_TABLE}."extractor_version" < EXCLUDED."extractor_version"
    OR ({_TABLE}."extractor_version" = EXCLUDED."extractor_version" AND {_TABLE}."needs_review")
  )
  AND ({_columns(FACTS, f"{_TABLE}.")}) IS DISTINCT FROM ({_columns(FACTS, "EXCLUDED.")})
RETURNING "id", "message_id", "version", "duplicate_of_id", "duplicate_decided", xmax = 0
"""


def mark_outdated_for_review(mail: Receipt, version: int) -> None:
    """Mark for review the receipts of this mail that only an older extractor found.

    Inside a transaction, after the receipts that were found again have been stored: these have the new version.
    """
    lock_receipts_of(mail.business_id)
    rows = Receipt.objects.outdated(version).filter(
        business_id=mail.business_id,
        message_id__in=message_ids_of(mail),
        **{name: getattr(mail, name) for name in MAIL},
    )
    for pk, reasons in rows.values_list("pk", "review_reasons"):
        rows.filter(pk=pk).update(
            needs_review=True,
            review_reasons=list(dict.fromkeys([*reasons, ReviewReason.NOT_CERTAIN_RECEIPT.value])),
            extractor_version=version,
            version=F("version") + 1,
        )
