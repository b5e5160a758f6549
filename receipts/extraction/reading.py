"""A document or a mail's own text after reading, and the score by which it counts as a receipt."""

from dataclasses import dataclass

from receipts.extraction.facts import Facts
from receipts.findings import Document
from receipts.review_reasons import ReviewReason


@dataclass(frozen=True)
class Reading:
    """`document` is None for the mail's own text. `is_read`: the text of the document could be read.

    `score` says how much it looks like a receipt. `reasons` are those for a review that reading found.
    """

    document: Document | None
    facts: Facts
    score: int
    is_read: bool = True
    reasons: tuple[ReviewReason, ...] = ()


def weigh_facts(facts: Facts, *, words: int) -> int:
    """The score of a text's facts: receipt words (`words` for them), a total with its label, an invoice number."""
    has_total = facts.total is not None and facts.total.weight > 0.5
    return words * facts.has_receipt_words + 2 * has_total + bool(facts.invoice_number)
