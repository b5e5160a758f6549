"""The tables: mailboxes, the runs that read them, and the receipts that were found."""

from .lock import lock_receipts_of, receipts_lock
from .mailbox import Mailbox
from .receipt import Receipt, ReceiptCorrection, ReceiptQuerySet, ReviewStatus
from .sync_run import ReceiptSyncRun, ScannedMessage

__all__ = [
    "Mailbox",
    "Receipt",
    "ReceiptCorrection",
    "ReceiptQuerySet",
    "ReceiptSyncRun",
    "ReviewStatus",
    "ScannedMessage",
    "lock_receipts_of",
    "receipts_lock",
]
