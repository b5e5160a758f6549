"""Reads the documents of a mail: PDFs, HTML, e-invoices. Pictures and scans are judged by their names only."""

from collections.abc import Callable
from typing import Final

from receipts.extraction import kinds
from receipts.extraction.einvoice import read_einvoice
from receipts.extraction.facts import NO_FACTS, Facts, read_facts, readable_lines
from receipts.extraction.money import find_money
from receipts.extraction.pictures import is_decoration, is_scan_or_photo
from receipts.extraction.readable import is_readable
from receipts.extraction.reading import Reading, weigh_facts
from receipts.extraction.senders import may_be_personal
from receipts.findings import Document
from receipts.message.charsets import decode_html
from receipts.message.markup import MAX_HTML, html_text
from receipts.message.message import Contents, OpenedMessage
from receipts.phrases import mark_phrase as _
from receipts.review_reasons import ReviewReason
from runs.item_failed import ItemFailed

# A mail with more PDFs than this is an archive, and reading all would delay the run.
MAX_PDFS: Final = 20
# The characters that are read of all documents of one mail.
MAX_CHARACTERS: Final = 1_000_000
# The score from which a document is a receipt, and that of an e-invoice, whatever its mail says.
DOCUMENT_SCORE: Final = 3
E_INVOICE_SCORE: Final = 5


def read_documents(
    message: OpenedMessage, read_pdf: Callable[[bytes], Contents]
) -> tuple[list[Reading], list[ItemFailed]]:
    """The readings, and the faults of the documents that could not be read."""
    readings: list[Reading] = []
    faults: list[ItemFailed] = []
    pdfs, characters_left = 0, MAX_CHARACTERS
    for document in message.documents:
        pdfs += document.content_type == "application/pdf"
        if pdfs > MAX_PDFS:
            faults.append(ItemFailed(_("This message has too many PDFs."), code="too_many_parts"))
            break
        try:
            contents = _open_document(document, read_pdf)
        except ItemFailed as fault:
            faults.append(fault)
            continue
        if invoice := contents.invoice and read_einvoice(contents.invoice):
            reasons = (ReviewReason.SHOWS_OTHER_AMOUNT,) if _shows_other_amount(contents.text, invoice) else ()
            score = 0 if invoice.is_no_receipt else E_INVOICE_SCORE
            readings.append(Reading(document, invoice, score, reasons=reasons))
            continue
        text = contents.text[:characters_left]
        characters_left -= len(text)
        readings.append(_read_document(document, text, message))
    return readings, faults


def _open_document(document: Document, read_pdf: Callable[[bytes], Contents]) -> Contents:
    match document.content_type:
        case "application/pdf":
            return read_pdf(document.content)
        case "text/html":
            # Cut before decoding, which would take long for megabytes. No receipt is that large.
            return Contents(html_text(decode_html(document.content[:MAX_HTML], document.charset)))
        case "application/xml":
            return Contents("", invoice=document.content)
        case _:
            return Contents("")


def _shows_other_amount(text: str, invoice: Facts) -> bool:
    """Whether the visible text of an e-invoice shows sums, and none of them is the total in its XML."""
    if invoice.total is None or not is_readable(text):
        return False
    sums = [money for line in readable_lines(text) for money in find_money(line) if not money.is_bare]
    shown = {abs(amount) for money in sums for amount in (money.amount, money.other_reading) if amount is not None}
    return bool(shown) and abs(invoice.total.amount) not in shown


def _read_document(document: Document, text: str, message: OpenedMessage) -> Reading:
    named = is_named_receipt(document)
    announced = kinds.mentions_receipts(message.subject) and not message.is_bulk
    if not is_readable(text):
        return _judge_unread(document, message, is_named=named, is_announced=announced)
    is_refund = kinds.is_credit(message.subject) or kinds.is_credit(document.filename)
    facts = read_facts(text, sent_at=message.sent_at, is_refund=is_refund)
    score = 0 if facts.is_no_receipt else weigh_facts(facts, words=2) + facts.is_titled + named + announced
    reasons = (ReviewReason.NOT_CERTAIN_RECEIPT,) if kinds.subject_is_no_receipt(message.subject) else ()
    return Reading(document, facts, score, reasons=reasons)


def _judge_unread(document: Document, message: OpenedMessage, *, is_named: bool, is_announced: bool) -> Reading:
    """A document without readable text. A scan may be a receipt whatever its name; a logo is none."""
    match document.content_type.partition("/")[0], document.content_type:
        case "image", _:
            may_be_photo = is_announced or (may_be_personal(message) and is_scan_or_photo(document))
            is_likely = is_named or (may_be_photo and not is_decoration(document))
        case _, "application/pdf":
            is_likely = is_named or is_announced or not message.is_bulk
        case _:
            is_likely = is_named
    reason = ReviewReason.PICTURE if is_picture(document) else ReviewReason.UNREAD_DOCUMENT
    reasons = (reason,) if is_named or is_announced else (reason, ReviewReason.NOT_CERTAIN_RECEIPT)
    return Reading(document, NO_FACTS, DOCUMENT_SCORE * is_likely, is_read=False, reasons=reasons)


def is_named_receipt(document: Document) -> bool:
    """Whether the file's name says that it is a receipt."""
    return kinds.mentions_receipts(document.filename.replace("_", " "))


def is_picture(document: Document) -> bool:
    return document.content_type.startswith("image/")
