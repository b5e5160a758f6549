"""The tables: mailboxes, the runs that read them, and the receipts that were found."""

from .correction import ReceiptCorrection
from .lock import lock_receipts_of, lock_statement
from .mailbox import Mailbox
from .receipt import Receipt, ReceiptQuerySet, ReviewStatus
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
    "lock_statement",
]
