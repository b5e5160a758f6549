"""Faults of this program over one recipient."""

from __future__ import annotations

import logging

from runs.stored_text import explain_exception

from ..models import Recipient

FAULT_CODE = "unexpected"
logger = logging.getLogger(__name__)


def report_fault(recipient: Recipient, error: Exception) -> str:
    """Log the error with its traceback, and return a sentence for the recipient's row."""
    logger.error("Recipient failed: run=%s recipient=%s", recipient.run_id, recipient.pk, exc_info=error)
    return explain_exception(error)
