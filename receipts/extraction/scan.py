"""Is a mail a receipt, and if so, what does it say? Bytes in, findings out; no database and no network.

1. Open the mail, and read its documents and its own text (`document_reading`, `body_reading`).
2. Choose those that are receipts by their scores; complete a lone document from the text.
3. Make a finding of each, with its confidence and the reasons for a review (`finding_assembly`).
"""

from collections.abc import Callable, Sequence
from typing import Final

from receipts.extraction.body_reading import BODY_SCORE, read_body
from receipts.extraction.document_reading import DOCUMENT_SCORE, is_named_receipt, is_picture, read_documents
from receipts.extraction.finding_assembly import complete_from_mail, make_finding
from receipts.extraction.reading import Reading
from receipts.findings import EXTRACTOR_VERSION, Document, Finding, Scanned, needs_mail
from receipts.message.charsets import clean_text
from receipts.message.markup import html_text
from receipts.message.message import Contents, OpenedMessage, open_message

__all__ = ["EXTRACTOR_VERSION", "Document", "Finding", "Scanned", "scan"]

# The characters of a mail's text that are stored for a reviewer.
MAX_SHOWN: Final = 10_000


def scan(
    raw: bytes | memoryview, *, read_pdf: Callable[[bytes], Contents], max_attachment_bytes: int = 25_000_000
) -> Scanned:
    """Open a mail and read the receipts in it.

    `read_pdf` returns the contents of a PDF, as `receipts.pdf.reader.PdfReader.read` does, and may raise ItemFailed. A
    part that can't be read becomes one of the faults. Raises ItemFailed, with a message for the user and a code, when
    the mail as a whole can't be read.
    """
    message = open_message(raw, max_attachment_bytes=max_attachment_bytes)
    documents, faults = read_documents(message, read_pdf)
    faults = [*message.faults, *faults]
    html = html_text(message.html)
    receipts = _choose_receipts(documents, read_body(message, html))
    findings = tuple((found.document, make_finding(found, message, faults)) for found in receipts)
    return Scanned(
        message_id=message.message_id,
        subject=message.subject,
        sender=message.sender_address or message.sender_name,
        sent_at=message.sent_at,
        is_candidate=bool(receipts),
        findings=findings,
        faults=tuple(faults),
        text=_reviewer_text(message, html) if any(needs_mail(*found) for found in findings) else "",
    )


def _choose_receipts(documents: Sequence[Reading], body: Reading) -> list[Reading]:
    """The documents that are receipts, or else the mail's text. Unnamed pictures only if no text was read."""
    receipts = [reading for reading in documents if reading.score >= DOCUMENT_SCORE]
    if any(reading.is_read for reading in receipts):
        receipts = [reading for reading in receipts if reading.is_read or not _is_unnamed_picture(reading)]
    if not receipts and body.score >= BODY_SCORE:
        return [body]
    if len(receipts) == 1:
        return [complete_from_mail(receipts[0], body)]
    return receipts


def _is_unnamed_picture(reading: Reading) -> bool:
    document = reading.document
    return document is not None and is_picture(document) and not is_named_receipt(document)


def _reviewer_text(message: OpenedMessage, html: str) -> str:
    """The longer of a mail's two texts: the plain one is often only a note that the mail needs a reader of HTML."""
    fuller = max(message.plain, html.strip(), key=len)
    lines = (" ".join(line.split()) for line in clean_text(fuller[: 4 * MAX_SHOWN], lines=True).splitlines())
    return "\n".join(filter(None, lines))[:MAX_SHOWN]
