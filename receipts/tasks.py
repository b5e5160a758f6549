"""Celery tasks."""

from runs.lifecycle import run_task
from runs.progress import Progress

from .models import ReceiptSyncRun
from .sync.mailbox_sync import sync_mailbox


@run_task(ReceiptSyncRun)
def sync_receipts(run: ReceiptSyncRun, progress: Progress) -> None:
    sync_mailbox(run, progress)
