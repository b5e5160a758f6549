"""Reads a mail's own text, which is a receipt where the mail has no document that is one."""

from typing import Final

from receipts.extraction import kinds
from receipts.extraction.facts import NO_FACTS, read_facts
from receipts.extraction.reading import Reading, weigh_facts
from receipts.extraction.senders import has_public_address
from receipts.message.message import OpenedMessage
from receipts.review_reasons import ReviewReason

# The score from which a mail's own text is a receipt, and the highest that `weigh_facts` can add to it.
BODY_SCORE: Final = 4
MAX_WEIGHT: Final = 4


def read_body(message: OpenedMessage, html: str) -> Reading:
    """`html` is the text of the mail's HTML."""
    text = "\n".join((message.plain, html))
    if kinds.is_reply(message.subject):
        text = kinds.strip_quoted_mail(text)
    subject, *texts = message.subject, text, *message.filenames
    # Most mail is no receipt. These checks are cheap and spare it the costly search for facts.
    if not any(map(kinds.mentions_receipts, (subject, *texts))):
        return Reading(None, NO_FACTS, 0)
    if kinds.subject_is_no_receipt(subject) or kinds.text_is_no_receipt(text):
        return Reading(None, NO_FACTS, 0)
    score = 2 * kinds.mentions_receipts(subject) - 2 * message.is_bulk
    # A payment and its total make a receipt of a company's mail, whatever other words it uses.
    payment_score = 2 * (not has_public_address(message) and kinds.reports_payment(f"{subject}\n{text}"))
    if score + payment_score + MAX_WEIGHT < BODY_SCORE and not message.documents:
        return Reading(None, NO_FACTS, 0)  # most newsletters: no facts could raise their score far enough
    facts = read_facts(f"{subject}\n{text}", sent_at=message.sent_at, is_refund=kinds.is_credit(subject))
    if kinds.is_reply(subject) and facts.total is None:
        return Reading(None, NO_FACTS, 0)
    score += weigh_facts(facts, words=1) + payment_score * (facts.total is not None)
    reasons = (ReviewReason.NOT_CERTAIN_RECEIPT,) if kinds.is_reply(subject) else ()
    return Reading(None, facts, score, reasons=reasons)
