"""The lock that lets one writer at a time change the receipts of a business."""

from __future__ import annotations

from django.db import connection

# "Rcpt" in ASCII: keeps these locks apart from other advisory locks of the database.
_LOCK_SPACE = 0x52637074


def lock_receipts_of(business_id: int) -> None:
    """Until the transaction ends, no other transaction stores, corrects or links receipts of this business.

    Taken before any receipt is written, and after the run's row where a sync writes: links touch several
    receipts, and two writers that locked them one by one could wait for each other.
    """
    with connection.cursor() as cursor:
        cursor.execute(*lock_statement(business_id))


def lock_statement(business_id: int) -> tuple[str, list[int]]:
    """The statement of `lock_receipts_of`, to send together with others."""
    return "SELECT pg_advisory_xact_lock(%s::int, %s::int)", [_LOCK_SPACE, business_id % 2**31]
