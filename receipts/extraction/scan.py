"""Is a mail a receipt, and if so, what does it say? Bytes in, findings out.

No database and no network: what a mail means can be tried, and tested, anywhere.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from receipts.extraction import kinds
from receipts.extraction.einvoice import read_einvoice
from receipts.extraction.facts import NO_FACTS, Facts, read_facts, readable_lines
from receipts.extraction.money import find_money
from receipts.extraction.pictures import is_decoration, is_scan_or_photo
from receipts.extraction.readable import is_readable
from receipts.extraction.senders import choose_vendor, has_public_address, may_be_personal
from receipts.findings import EXTRACTOR_VERSION, Document, Finding, Scanned, needs_mail
from receipts.message.charsets import clean_text, decode_text
from receipts.message.markup import MAX_HTML, html_text
from receipts.message.message import Contents, OpenedMessage, open_message
from receipts.phrases import mark_phrase as _
from receipts.review_reasons import ReviewReason
from runs.item_failed import ItemFailed

__all__ = ["EXTRACTOR_VERSION", "Document", "Finding", "Scanned", "scan"]

# A mail with more PDFs than this is an archive, and would hold up the run.
MAX_PDFS: Final = 20
# Of all its documents together.
MAX_CHARACTERS: Final = 1_000_000
MAX_VENDOR: Final = 200
# What a mail's own text needs to be a receipt, and the most that its facts can give it.
BODY_SCORE: Final = 4
MAX_WEIGHT: Final = 4
# Of a mail's text, kept for whoever reviews what was read.
MAX_SHOWN: Final = 10_000
# An e-invoice is one whatever stands around it.
E_INVOICE_SCORE: Final = 5
# Below this, a person has to look.
SURE_ENOUGH: Final = Decimal("0.75")
# Nothing is certain of what nobody could read.
UNREAD_CONFIDENCE: Final = Decimal("0.5")


@dataclass(frozen=True)
class _Reading:
    """A document, or the mail's own text: what it says, and how much of a receipt it looks."""

    document: Document | None
    facts: Facts
    score: int
    is_read: bool = True
    # What is already known to be doubtful.
    reasons: tuple[ReviewReason, ...] = ()


def scan(
    raw: bytes | memoryview, *, read_pdf: Callable[[bytes], Contents], max_attachment_bytes: int = 25_000_000
) -> Scanned:
    """Open a mail and read the receipts in it.

    `read_pdf` gives what a PDF says, as `receipts.pdf.reader.PdfReader.read` does, and may raise
    ItemFailed. A part that can't be read is one of the faults; ItemFailed, with words to show
    and a code, when all of the mail is broken.
    """
    message = open_message(raw, max_attachment_bytes=max_attachment_bytes)
    documents, faults = _read_documents(message, read_pdf)
    faults = [*message.faults, *faults]
    html = html_text(message.html)
    receipts = _choose_receipts(documents, _read_body(message, html), message)
    findings = tuple((found.document, _finding(found, message, faults)) for found in receipts)
    return Scanned(
        message_id=message.message_id,
        subject=message.subject,
        sender=message.sender_address or message.sender_name,
        sent_at=message.sent_at,
        is_candidate=bool(receipts),
        findings=findings,
        faults=tuple(faults),
        text=_shown_text(message, html) if any(needs_mail(*found) for found in findings) else "",
    )


def _shown_text(message: OpenedMessage, html: str) -> str:
    """The fuller of a mail's two texts: what programs write for readers without HTML is often a hint only."""
    fuller = max(message.plain, html.strip(), key=len)
    lines = (" ".join(line.split()) for line in clean_text(fuller[: 4 * MAX_SHOWN], lines=True).splitlines())
    return "\n".join(filter(None, lines))[:MAX_SHOWN]


def _choose_receipts(documents: Sequence[_Reading], body: _Reading, message: OpenedMessage) -> list[_Reading]:
    """The documents that are receipts, or else the mail's text; pictures only where nothing else is one."""
    receipts = [reading for reading in documents if reading.score >= 3]
    if any(reading.is_read for reading in receipts):
        receipts = [reading for reading in receipts if reading.is_read or not _is_unnamed_picture(reading)]
    if not receipts and body.score >= BODY_SCORE:
        return [body]
    if len(receipts) == 1:
        return [_completed(receipts[0], body)]
    return receipts


def _is_unnamed_picture(reading: _Reading) -> bool:
    document = reading.document
    return document is not None and _is_picture(document) and not _is_named(document)


def _read_body(message: OpenedMessage, html: str) -> _Reading:
    """What the mail itself says; `html` is the text of its HTML."""
    text = "\n".join((message.plain, html))
    if kinds.is_reply(message.subject):
        text = kinds.strip_quoted_mail(text)
    subject, *texts = message.subject, text, *message.filenames
    # Most mail is no receipt: it never gets as far as the costly reading.
    if not any(map(kinds.speaks_of_receipts, (subject, *texts))):
        return _Reading(None, NO_FACTS, 0)
    if kinds.subject_is_no_receipt(subject) or kinds.text_is_no_receipt(text):
        return _Reading(None, NO_FACTS, 0)
    score = 2 * kinds.speaks_of_receipts(subject) - 2 * message.is_bulk
    # Money that was taken makes a receipt of any mail; it may be one that says what will be taken.
    moved = 2 * (not has_public_address(message) and kinds.says_that_money_moved(f"{subject}\n{text}"))
    if score + moved + MAX_WEIGHT < BODY_SCORE and not message.documents:
        return _Reading(None, NO_FACTS, 0)  # most newsletters: whatever they say, they can't be one
    facts = read_facts(f"{subject}\n{text}", sent_at=message.sent_at, is_refund=kinds.is_credit(subject))
    if kinds.is_reply(subject) and facts.total is None:
        return _Reading(None, NO_FACTS, 0)
    score += _weight(facts, words=1) + moved * (facts.total is not None)
    reasons = (ReviewReason.NOT_CERTAIN_RECEIPT,) if kinds.is_reply(subject) else ()
    return _Reading(None, facts, score, reasons=reasons)


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
        if invoice := contents.invoice and read_einvoice(contents.invoice):
            reasons = (ReviewReason.SHOWS_OTHER_AMOUNT,) if _shows_other_amount(contents.text, invoice) else ()
            score = 0 if invoice.is_no_receipt else E_INVOICE_SCORE
            readings.append(_Reading(document, invoice, score, reasons=reasons))
            continue
        text = contents.text[:room]
        room -= len(text)
        readings.append(_read_document(document, text, message))
    return readings, faults


def _shows_other_amount(text: str, invoice: Facts) -> bool:
    """Whether the paper shows sums, and the total of the e-invoice inside it is none of them."""
    if invoice.total is None or not is_readable(text):
        return False
    sums = [money for line in readable_lines(text) for money in find_money(line) if not money.is_bare]
    shown = {abs(amount) for money in sums for amount in (money.amount, money.other_reading) if amount is not None}
    return bool(shown) and abs(invoice.total.amount) not in shown


def _read_document(document: Document, text: str, message: OpenedMessage) -> _Reading:
    named = _is_named(document)
    announced = kinds.speaks_of_receipts(message.subject) and not message.is_bulk
    if not is_readable(text):
        return _unread(document, message, is_named=named, is_announced=announced)
    is_refund = kinds.is_credit(message.subject) or kinds.is_credit(document.filename)
    facts = read_facts(text, sent_at=message.sent_at, is_refund=is_refund)
    score = 0 if facts.is_no_receipt else _weight(facts, words=2) + facts.is_titled + named + announced
    reasons = (ReviewReason.NOT_CERTAIN_RECEIPT,) if kinds.subject_is_no_receipt(message.subject) else ()
    return _Reading(document, facts, score, reasons=reasons)


def _unread(document: Document, message: OpenedMessage, *, is_named: bool, is_announced: bool) -> _Reading:
    """A document whose text nobody read: a scan may be a receipt whatever it is called, a logo is none."""
    match document.content_type.partition("/")[0], document.content_type:
        case "image", _:
            may_be_photo = is_announced or (may_be_personal(message) and is_scan_or_photo(document))
            is_likely = is_named or (may_be_photo and not is_decoration(document))
        case _, "application/pdf":
            is_likely = is_named or is_announced or not message.is_bulk
        case _:
            is_likely = is_named
    reason = ReviewReason.PICTURE if _is_picture(document) else ReviewReason.UNREAD_DOCUMENT
    reasons = (reason,) if is_named or is_announced else (reason, ReviewReason.NOT_CERTAIN_RECEIPT)
    return _Reading(document, NO_FACTS, 3 * is_likely, is_read=False, reasons=reasons)


def _is_named(document: Document) -> bool:
    """Whether the name of its file says that it is a receipt."""
    return kinds.speaks_of_receipts(document.filename.replace("_", " "))


def _is_picture(document: Document) -> bool:
    return document.content_type.startswith("image/")


def _contents(document: Document, read_pdf: Callable[[bytes], Contents]) -> Contents:
    match document.content_type:
        case "application/pdf":
            return read_pdf(document.content)
        case "text/html":
            # Cut before it is decoded: there is no receipt of megabytes.
            return Contents(html_text(decode_text(document.content[:MAX_HTML], "")))
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
    reasons = reading.reasons
    if own.total and more.total and _disagree(own, more):
        reasons += (ReviewReason.DISAGREES_WITH_MAIL,)
    if reading.is_read and more.total and not own.total:
        reasons += (ReviewReason.TAKEN_FROM_MAIL,)
    facts = replace(
        own,
        total=own.total or more.total,
        issued_on=own.issued_on or more.issued_on,
        invoice_number=own.invoice_number or more.invoice_number,
        is_refund=own.is_refund or (not own.total and more.is_refund),
        has_receipt_words=True,
    )
    return replace(reading, facts=facts, reasons=reasons)


def _disagree(document: Facts, mail: Facts) -> bool:
    """Whether the mail names another sum as the total. A lone sum in it may be anything."""
    ours, theirs = document.total, mail.total
    if ours is None or theirs is None or theirs.weight < 0.5 or theirs.is_ambiguous:
        return False
    has_other_currency = bool(ours.currency and theirs.currency and ours.currency != theirs.currency)
    return abs(ours.amount) != abs(theirs.amount) or has_other_currency


def _finding(reading: _Reading, message: OpenedMessage, faults: Sequence[ItemFailed]) -> Finding:
    facts = reading.facts
    vendor, is_vendor_sure = choose_vendor(facts, message, is_document=reading.document is not None)
    confidence = _confidence(facts, vendor)
    if not reading.is_read:
        confidence = min(confidence, UNREAD_CONFIDENCE)
    reasons = list(dict.fromkeys(_review_reasons(reading, vendor, faults, is_vendor_sure=is_vendor_sure)))
    if not reasons and confidence < SURE_ENOUGH:
        reasons.append(ReviewReason.LOW_CONFIDENCE)
    return Finding(
        vendor=vendor[:MAX_VENDOR],
        amount=_signed_amount(facts),
        currency=facts.total.currency if facts.total else "",
        issued_on=facts.issued_on,
        invoice_number=facts.invoice_number,
        confidence=confidence,
        needs_review=bool(reasons),
        is_refund=facts.is_refund,
        review_reasons=tuple(reason.value for reason in reasons),
    )


def _signed_amount(facts: Facts) -> Decimal | None:
    """A refund's is negative, also where a mail states the sum of the credit note that came with it."""
    amount = facts.total.amount if facts.total else None
    return amount if amount is None or not facts.is_refund else -abs(amount)


def _confidence(facts: Facts, vendor: str) -> Decimal:
    total = facts.total
    confidence = (
        0.45 * (total.weight if total else 0.0)
        + 0.15 * bool(total and total.currency)
        + 0.15 * (facts.issued_on is not None)
        + 0.15 * bool(facts.invoice_number)
        + 0.10 * bool(vendor)
    )
    return Decimal(str(round(confidence, 2)))


def _review_reasons(
    reading: _Reading, vendor: str, faults: Sequence[ItemFailed], *, is_vendor_sure: bool
) -> Iterator[ReviewReason]:
    """Everything that is missing, doubtful or unread."""
    facts, total = reading.facts, reading.facts.total
    doubts = {
        # The invoice that a mail's text speaks of may be the very part that could not be read.
        ReviewReason.UNREAD_PART: bool(faults) and reading.document is None,
        ReviewReason.NO_AMOUNT: total is None,
        ReviewReason.NO_CURRENCY: total is not None and not total.currency,
        ReviewReason.NO_DATE: facts.issued_on is None,
        ReviewReason.NO_VENDOR: not vendor,
        ReviewReason.AMBIGUOUS_AMOUNT: bool(total and total.is_ambiguous) or facts.is_kind_ambiguous,
        ReviewReason.AMBIGUOUS_DATE: facts.is_day_ambiguous,
        ReviewReason.AMBIGUOUS_VENDOR: bool(vendor) and not is_vendor_sure,
        ReviewReason.SEVERAL_RECEIPTS: facts.holds_several,
    }
    yield from reading.reasons
    yield from (reason for reason, holds in doubts.items() if holds)
