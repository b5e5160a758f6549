"""Stores what the scanner found in one message: the documents as files, the findings as receipts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from ..findings import EXTRACTOR_VERSION, Document, Finding, Scanned, needs_mail
from ..models import Receipt, ReceiptSyncRun
from .storing import store_receipts


def store_documents(run: ReceiptSyncRun, scanned: Scanned) -> None:
    """Store each attachment under its own hash, on the disk, before the row that names it.

    A crash between the two leaves a file that the next sync finds in its place. A crash in the middle of writing leaves
    a file that is too short, or of the right size and empty, and the next sync writes it again.
    """
    for document, _finding in scanned.findings:
        if document is None:
            continue
        path = document_path(run, document)
        if not _is_stored(path, document):
            default_storage.delete(path)
            default_storage.save(path, ContentFile(document.content))
        _sync_to_disk(path)


def _is_stored(path: str, document: Document) -> bool:
    if not default_storage.exists(path):
        return False
    with default_storage.open(path) as file:
        return bool(file.read() == document.content)


def _sync_to_disk(path: str) -> None:
    """Wait until the file and the folders that lead to it are on the disk: the row that names it will be at its commit.

    After a failure of the machine's power the row would name a file that is lost, and its mail is never read again.
    """
    try:
        root, file = Path(default_storage.path("")), Path(default_storage.path(path))
    except NotImplementedError:  # not a file system: it stores durably, or fails
        return
    for each in (file, *file.parents):
        handle = os.open(each, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if each == root:
            return


def document_path(run: ReceiptSyncRun, document: Document) -> str:
    return f"receipts/{run.business_id}/{document.sha256[:2]}/{document.sha256}"


def store_findings(run: ReceiptSyncRun, scanned: Scanned) -> int:
    """Store the receipts, inside a transaction. Returns how many of them are new.

    Safe to repeat: it changes no receipt that a person decided about.
    """
    return store_receipts([_build_receipt(run, scanned, document, finding) for document, finding in scanned.findings])


def _type_with_charset(document: Document) -> str:
    """The preview must read an HTML file as its mail declares it: the file itself may not say."""
    return f"{document.content_type}; charset={document.charset}" if document.charset else document.content_type


def describe_mail(run: ReceiptSyncRun, scanned: Scanned) -> Receipt:
    """A receipt that only says which mail it is of, cut to the columns."""
    mail = Receipt(**_mail_fields(run, scanned))
    mail.fit_columns()
    return mail


def _mail_fields(run: ReceiptSyncRun, scanned: Scanned) -> dict[str, Any]:
    return {
        "business_id": run.business_id,
        "message_id": scanned.message_id,
        "subject": scanned.subject,
        "sender": scanned.sender,
        "received_at": scanned.sent_at,
    }


def _build_receipt(run: ReceiptSyncRun, scanned: Scanned, document: Document | None, finding: Finding) -> Receipt:
    receipt = Receipt(
        **_mail_fields(run, scanned),
        mailbox_id=run.mailbox_id,
        found_by_id=run.pk,
        vendor=finding.vendor,
        amount=finding.amount,
        currency=finding.currency,
        issued_on=finding.issued_on,
        invoice_number=finding.invoice_number,
        is_refund=finding.is_refund,
        confidence=finding.confidence,
        needs_review=finding.needs_review,
        review_reasons=list(finding.review_reasons),
        extractor_version=EXTRACTOR_VERSION,
        message_text=scanned.text if needs_mail(document, finding) else "",
    )
    if document:
        receipt.attachment_sha256 = document.sha256
        receipt.filename = document.filename
        receipt.content_type = _type_with_charset(document)
        receipt.file.name = document_path(run, document)
    return receipt
