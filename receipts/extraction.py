"""Is a mail a receipt, and if so, what does it say? Bytes in, findings out.

No database and no network: what a mail means can be tried, and tested, anywhere.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from receipts.charsets import decoded
from receipts.einvoice import read_invoice
from receipts.facts import RECEIPT_WORDS, Facts, read_facts
from receipts.markup import MAX_HTML, html_text
from receipts.message import Contents, Document, OpenedMessage, open_message
from receipts.phrases import mark as _
from runs.exceptions import ItemFailed

__all__ = ["Document", "Finding", "Scanned", "scan"]

# A mail with more PDFs than this is an archive, and would hold up the run.
MAX_PDFS: Final = 20
# Of all its documents together.
MAX_CHARACTERS: Final = 1_000_000
MAX_VENDOR: Final = 200
# An e-invoice is one whatever stands around it.
E_INVOICE_SCORE: Final = 5
# Below this, a person has to look.
SURE_ENOUGH: Final = Decimal("0.75")

_PUBLIC_MAIL = re.compile(r"@(?:gmail|googlemail|hotmail|outlook|live|yahoo|icloud|walla|aol|proton(?:mail)?)\.")
_ROLE_NAME = re.compile(
    r"^(?:no-?reply|do-?not-?reply|billing|invoices?|receipts?|orders?|info|support|accounts?"
    r"|noreply|notifications?|חשבוניות|חשבונית|הנהלת חשבונות|קבלות)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Finding:
    """What one receipt says.

    Unknown is None or "", never a guess. `currency` is ILS, USD, EUR or GBP. `confidence`
    goes from 0 to 1 in hundredths; `needs_review` asks a person to look.
    """

    vendor: str
    amount: Decimal | None
    currency: str
    issued_on: date | None
    invoice_number: str
    confidence: Decimal
    needs_review: bool


@dataclass(frozen=True)
class Scanned:
    """A mail after scanning.

    `sent_at` is aware, None when the mail doesn't say. A candidate has one finding for each
    receipt in it, with the document it stands in or None for the mail's own text. `faults`
    says which of its parts could not be read.
    """

    message_id: str
    subject: str
    sender: str
    sent_at: datetime | None
    is_candidate: bool
    findings: tuple[tuple[Document | None, Finding], ...]
    faults: tuple[ItemFailed, ...] = ()


@dataclass(frozen=True)
class _Reading:
    """A document, or the mail's own text: what it says, and how much of a receipt it looks."""

    document: Document | None
    facts: Facts
    score: int


def scan(
    raw: bytes | memoryview, *, read_pdf: Callable[[bytes], Contents], max_attachment_bytes: int = 25_000_000
) -> Scanned:
    """Open a mail and read the receipts in it.

    `read_pdf` gives what a PDF says, as `receipts.pdf.PdfReader.read` does, and may raise
    ItemFailed. A part that can't be read is one of the faults; ItemFailed, with words to show
    and a code, when all of the mail is broken.
    """
    message = open_message(raw, max_attachment_bytes=max_attachment_bytes)
    documents, faults = _read_documents(message, read_pdf)
    faults = [*message.faults, *faults]
    receipts = [reading for reading in documents if reading.score >= 3]
    body = _read_body(message)
    if not receipts and body.score >= 4:
        receipts = [body]
    elif len(receipts) == 1:
        receipts = [_completed(receipts[0], body)]
    return Scanned(
        message_id=message.message_id,
        subject=message.subject,
        sender=message.sender_address or message.sender_name,
        sent_at=message.sent_at,
        is_candidate=bool(receipts),
        findings=tuple((found.document, _finding(found, message, faults)) for found in receipts),
        faults=tuple(faults),
    )


def _read_body(message: OpenedMessage) -> _Reading:
    text = "\n".join((message.subject, message.plain, html_text(message.html)))
    # Most mail is no receipt: it never gets as far as the costly reading.
    speaks_of_receipts = any(RECEIPT_WORDS.search(part) for part in (text, *message.filenames))
    facts = read_facts(text, sent_at=message.sent_at) if speaks_of_receipts else _NOTHING
    score = 2 * bool(RECEIPT_WORDS.search(message.subject)) + _weight(facts, words=1) - 2 * message.is_bulk
    return _Reading(None, facts, score)


def _read_documents(
    message: OpenedMessage, read_pdf: Callable[[bytes], Contents]
) -> tuple[list[_Reading], list[ItemFailed]]:
    """The documents that could be read, and what was wrong with the others."""
    readings: list[_Reading] = []
    faults: list[ItemFailed] = []
    pdfs, room = 0, MAX_CHARACTERS
    for document in message.documents:
        pdfs += document.content_type == "application/pdf"
        if pdfs > MAX_PDFS:
            faults.append(ItemFailed(_("This message has too many PDFs."), code="too_many_parts"))
            break
        try:
            contents = _contents(document, read_pdf)
        except ItemFailed as fault:
            faults.append(fault)
            continue
        if invoice := contents.invoice and read_invoice(contents.invoice):
            readings.append(_Reading(document, invoice, E_INVOICE_SCORE))
            continue
        text = contents.text[:room]
        room -= len(text)
        readings.append(_read_document(document, text, message))
    return readings, faults


def _read_document(document: Document, text: str, message: OpenedMessage) -> _Reading:
    facts = read_facts(text, sent_at=message.sent_at)
    named = bool(RECEIPT_WORDS.search(document.filename.replace("_", " ")))
    announced = bool(RECEIPT_WORDS.search(message.subject)) and not message.is_bulk
    # A picture says nothing by itself: then its name or the subject has to.
    weight = _weight(facts, words=2) if text.strip() else 2 * (named or announced)
    return _Reading(document, facts, weight + named + announced)


def _contents(document: Document, read_pdf: Callable[[bytes], Contents]) -> Contents:
    match document.content_type:
        case "application/pdf":
            return read_pdf(document.content)
        case "text/html":
            # Cut before it is decoded: there is no receipt of megabytes.
            return Contents(html_text(decoded(document.content[:MAX_HTML], "")))
        case "application/xml":
            return Contents("", invoice=document.content)
        case _:
            return Contents("")


def _weight(facts: Facts, *, words: int) -> int:
    """How much a text looks like a receipt: its words, a total that is called one, a number."""
    has_total = facts.total is not None and facts.total.weight > 0.5
    return words * facts.has_receipt_words + 2 * has_total + bool(facts.invoice_number)


def _completed(reading: _Reading, body: _Reading) -> _Reading:
    """A mail's only document, with what it leaves out taken from the mail's own text."""
    own, more = reading.facts, body.facts
    facts = Facts(
        total=own.total or more.total,
        issued_on=own.issued_on or more.issued_on,
        invoice_number=own.invoice_number or more.invoice_number,
        vendor=own.vendor,
        has_receipt_words=True,
    )
    return _Reading(reading.document, facts, reading.score)


def _finding(reading: _Reading, message: OpenedMessage, faults: Sequence[ItemFailed]) -> Finding:
    facts = reading.facts
    vendor = _vendor(reading, message)[:MAX_VENDOR]
    total_weight = facts.total.weight if facts.total else 0.0
    currency = facts.total.currency if facts.total else ""
    confidence = (
        0.45 * total_weight
        + 0.15 * bool(currency)
        + 0.15 * (facts.issued_on is not None)
        + 0.15 * bool(facts.invoice_number)
        + 0.10 * bool(vendor)
    )
    # Nobody reads pictures here: what is known of them comes from the mail around. And the invoice that a mail's
    # text speaks of may be the very part that could not be read.
    unread = reading.document.content_type.startswith("image/") if reading.document else bool(faults)
    sure = Decimal(str(round(confidence, 2)))
    complete = currency and facts.issued_on and vendor
    return Finding(
        vendor=vendor,
        amount=facts.total.amount if facts.total else None,
        currency=currency,
        issued_on=facts.issued_on,
        invoice_number=facts.invoice_number,
        confidence=sure,
        needs_review=unread or not complete or sure < SURE_ENOUGH,
    )


def _vendor(reading: _Reading, message: OpenedMessage) -> str:
    """A document names who issued it; a mail's text may name anybody, so there the sender counts."""
    named, sender = reading.facts.vendor, _sender_as_vendor(message)
    return (named or sender) if reading.document else (sender or named)


def _sender_as_vendor(message: OpenedMessage) -> str:
    """The sender's name, or the domain; "" for a private address, which only passes mail on."""
    if _PUBLIC_MAIL.search(message.sender_address.lower()):
        return ""
    name = message.sender_name.strip("\"' ")
    if name and "@" not in name and not _ROLE_NAME.match(name):
        return name
    return message.sender_address.rpartition("@")[2].lower()


_NOTHING = read_facts("", sent_at=None)
