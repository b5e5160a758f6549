"""Makes the finding of a receipt: its facts, its confidence, and the reasons why a person should review it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from receipts.extraction.facts import Facts
from receipts.extraction.reading import Reading
from receipts.extraction.senders import choose_vendor
from receipts.findings import Finding
from receipts.message.message import OpenedMessage
from receipts.review_reasons import ReviewReason
from runs.item_failed import ItemFailed

MAX_VENDOR: Final = 200
# A finding of lower confidence is reviewed by a person.
SURE_ENOUGH: Final = Decimal("0.75")
# The highest confidence for a document that could not be read.
UNREAD_CONFIDENCE: Final = Decimal("0.5")


def complete_from_mail(reading: Reading, body: Reading) -> Reading:
    """The only document of a mail, with the facts that it lacks taken from the mail's own text."""
    own, mail = reading.facts, body.facts
    reasons = reading.reasons
    if own.total and mail.total and _totals_disagree(own, mail):
        reasons += (ReviewReason.DISAGREES_WITH_MAIL,)
    if reading.is_read and mail.total and not own.total:
        reasons += (ReviewReason.TAKEN_FROM_MAIL,)
    facts = replace(
        own,
        total=own.total or mail.total,
        issued_on=own.issued_on or mail.issued_on,
        invoice_number=own.invoice_number or mail.invoice_number,
        is_refund=own.is_refund or (not own.total and mail.is_refund),
        has_receipt_words=True,
    )
    return replace(reading, facts=facts, reasons=reasons)


def _totals_disagree(document: Facts, mail: Facts) -> bool:
    """Whether the mail names another sum as the total. A sum without a label may be anything, and is ignored."""
    ours, theirs = document.total, mail.total
    if ours is None or theirs is None or theirs.weight < 0.5 or theirs.is_ambiguous:
        return False
    has_other_currency = bool(ours.currency and theirs.currency and ours.currency != theirs.currency)
    return abs(ours.amount) != abs(theirs.amount) or has_other_currency


def make_finding(reading: Reading, message: OpenedMessage, faults: Sequence[ItemFailed]) -> Finding:
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
    """Negative for a refund, also where the amount was taken from the mail, which states it without a sign."""
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
    reading: Reading, vendor: str, faults: Sequence[ItemFailed], *, is_vendor_sure: bool
) -> Iterator[ReviewReason]:
    """One for every fact that is missing or doubtful, and for parts that could not be read."""
    facts, total = reading.facts, reading.facts.total
    conditions = {
        # The invoice that a mail's text mentions may be the part that could not be read.
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
    yield from (reason for reason, applies in conditions.items() if applies)
