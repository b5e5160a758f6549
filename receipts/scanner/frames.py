"""The frames between `receipts.scanner.scanner` and its child process.

A request is a byte for the way in which PDFs are read, and a mail. The response is a line of JSON, and after it the
documents that are receipts, one after the other.
"""

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from receipts.findings import Document, Finding, Scanned
from runs.item_failed import ItemFailed

# Read PDFs in the child itself; or each in a process of its own, after a child has died of the same mail, perhaps of
# one of its PDFs.
READ_PDFS: Final = b"r"
READ_PDFS_APART: Final = b"a"


class ScanCrashed(ItemFailed):
    """The scan raised an unexpected exception, a bug. `traceback` is the child's."""

    def __init__(self, message: str, code: str, traceback: str) -> None:
        super().__init__(message, code=code)
        self.traceback = traceback


def encode_scanned(scanned: Scanned) -> bytes:
    """Each document once; a finding refers to its document by the index."""
    documents = {document.sha256: document for document, _finding in scanned.findings if document}
    indices = {digest: index for index, digest in enumerate(documents)}
    head = {
        "message_id": scanned.message_id,
        "subject": scanned.subject,
        "sender": scanned.sender,
        "sent_at": scanned.sent_at and scanned.sent_at.isoformat(),
        "is_candidate": scanned.is_candidate,
        "text": scanned.text,
        "findings": [
            {**vars(finding), "document": indices[document.sha256] if document else None}
            for document, finding in scanned.findings
        ],
        "documents": [
            {
                "filename": document.filename,
                "content_type": document.content_type,
                "sha256": document.sha256,
                "charset": document.charset,
                "size": len(document.content),
            }
            for document in documents.values()
        ],
        "faults": [[fault.code, str(fault)] for fault in scanned.faults],
    }
    contents = (document.content for document in documents.values())
    return b"".join((json.dumps(head, default=str).encode(), b"\n", *contents))


def encode_failure(error: ItemFailed, traceback: str = "") -> bytes:
    """`traceback` is that of a bug, or empty where the mail is at fault."""
    return json.dumps({"failed": [error.code, str(error), traceback]}).encode() + b"\n"


def decode_response(response: bytes) -> Scanned:
    """The result of a scan. Raises ItemFailed for a mail that could not be opened, ScanCrashed for a bug."""
    line, _newline, contents = response.partition(b"\n")
    head = json.loads(line)
    if "failed" in head:
        code, reason, traceback = head["failed"]
        raise ScanCrashed(reason, code, traceback) if traceback else ItemFailed(reason, code=code)
    documents: list[Document] = []
    start = 0
    for described in head["documents"]:
        end = start + described.pop("size")
        documents.append(Document(**described, content=contents[start:end]))
        start = end
    return Scanned(
        message_id=head["message_id"],
        subject=head["subject"],
        sender=head["sender"],
        sent_at=datetime.fromisoformat(head["sent_at"]) if head["sent_at"] else None,
        is_candidate=head["is_candidate"],
        text=head["text"],
        findings=tuple(_decode_finding(found, documents) for found in head["findings"]),
        faults=tuple(ItemFailed(reason, code=code) for code, reason in head["faults"]),
    )


def _decode_finding(found: dict[str, Any], documents: list[Document]) -> tuple[Document | None, Finding]:
    index = found.pop("document")
    finding = Finding(
        vendor=found["vendor"],
        amount=None if found["amount"] is None else Decimal(found["amount"]),
        currency=found["currency"],
        issued_on=date.fromisoformat(found["issued_on"]) if found["issued_on"] else None,
        invoice_number=found["invoice_number"],
        confidence=Decimal(found["confidence"]),
        needs_review=found["needs_review"],
        is_refund=found["is_refund"],
        review_reasons=tuple(found["review_reasons"]),
    )
    return None if index is None else documents[index], finding
