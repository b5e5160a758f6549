"""Classifies a document or mail: a receipt, a refund, or a text that only mentions receipts."""

import re
from collections.abc import Sequence
from itertools import islice
from typing import Final

from receipts.extraction.labels import Labels, any_of, fold, phrases

# A title is in the first lines of a document, with little else on its line.
TITLE_LINES: Final = 25
MAX_BESIDE_TITLE: Final = 5
# The lines of a mail that say what it is about.
LEAD_LINES: Final = 12

RECEIPT_WORDS = re.compile(any_of(phrases(lambda words: (*words.receipts, *words.charges))))
_CHARGES = re.compile(any_of(phrases(lambda words: words.charges)))
_INVOICE = re.compile(any_of(phrases(lambda words: (*words.invoice_numbers, *words.receipt_numbers))))
_CREDITS = re.compile(any_of(phrases(lambda words: words.credit_notes)))
# Mail that mentions receipts and is none.
_NO_RECEIPTS = re.compile(
    any_of(
        phrases(
            lambda words: (*words.reminders, *words.failures, *words.failure_subjects, *words.acknowledgements),
        )
    )
)
_QUOTES = re.compile(any_of(phrases(lambda words: words.quotes)))
_FAILURES = re.compile(any_of(phrases(lambda words: (*words.failures, *words.acknowledgements))))
_TITLES = Labels(
    credit=phrases(lambda words: words.credit_notes),
    unclear_credit=phrases(lambda words: words.unclear_credits),
    none=phrases(lambda words: (*words.quotes, *words.reminders, *words.failures)),
    receipt=phrases(lambda words: words.receipts),
)
_NUMBER_WORDS = frozenset(
    fold(mark) for _prefix, mark in phrases(lambda words: (*words.number_marks, *words.weak_dates))
)
_WORD = re.compile(r"\w+")
_REPLY = re.compile(r"\s{0,8}(?:re|aw|antw|sv|rif|r|השב|תגובה)\s?:", re.IGNORECASE)
_FORWARD = re.compile(r"\s{0,8}(?:fwd?|wg|tr|rv|i|fs|doorst|הועבר|העברה)\s?:", re.IGNORECASE)
_QUOTING = re.compile(any_of(phrases(lambda words: words.quoting)).removesuffix(r"(?!\w)"))
_QUOTED_HEADER = re.compile(any_of(phrases(lambda words: words.quoted_headers)).removesuffix(r"(?!\w)"))
_QUOTED_LINE = re.compile(r"\s{0,8}>")


def mentions_receipts(text: str) -> bool:
    return RECEIPT_WORDS.search(fold(text)) is not None


def find_titles(folded: Sequence[str]) -> list[str]:
    """What the folded lines at the head of a paper call it, the first first: receipt, credit, unclear_credit, none."""
    found: list[str] = []
    for line in folded[:TITLE_LINES]:
        for label in _TITLES.find(line):
            beside = _WORD.findall(line[: label.start] + " " + line[label.end :])
            if sum(len(word) for word in beside if word.isalpha() and word not in _NUMBER_WORDS) <= MAX_BESIDE_TITLE:
                found.append(label.kind)
    return found


def reports_payment(text: str) -> bool:
    """Whether the text says that somebody paid or was charged."""
    return _CHARGES.search(fold(text)) is not None


def begins_with_invoice(folded: Sequence[str]) -> bool:
    """Whether a line at the head of a paper begins with the word invoice or receipt."""
    return any(_INVOICE.match(line) for line in folded[:TITLE_LINES])


def is_credit(subject: str) -> bool:
    return _CREDITS.search(fold(subject)) is not None


def subject_is_no_receipt(subject: str) -> bool:
    """Whether the subject is that of a reminder, a quote, a failed payment, or thanks for an invoice."""
    folded = fold(subject)
    # "Invoice for estimate 12" is no quote.
    is_quote = _QUOTES.search(folded) is not None and RECEIPT_WORDS.search(_QUOTES.sub("", folded)) is None
    return is_quote or _NO_RECEIPTS.search(folded) is not None


def text_is_no_receipt(text: str) -> bool:
    """Whether the text begins with a failed payment or thanks for an invoice; below, receipts may mention both."""
    lead = islice(filter(str.strip, text.splitlines()), LEAD_LINES)
    return any(_FAILURES.search(fold(line)) for line in lead)


def is_reply(subject: str) -> bool:
    return _REPLY.match(subject) is not None


def is_forward_or_reply(subject: str) -> bool:
    """Whether the mail is a forward or a reply, so that its sender is not its author."""
    return _FORWARD.match(subject) is not None or is_reply(subject)


def strip_quoted_mail(text: str) -> str:
    """A reply's own text, without the mail that it quotes."""
    own: list[str] = []
    for line in text.splitlines():
        folded = fold(line)
        if _QUOTING.search(folded) or _QUOTED_HEADER.match(folded.lstrip(" *")):
            break
        if not _QUOTED_LINE.match(line):
            own.append(line)
    return "\n".join(own)
