"""The phrases that a language's table holds, by what they announce."""

from __future__ import annotations

from dataclasses import dataclass

Phrases = tuple[str, ...]


def split_table(*lines: str) -> Phrases:
    """The phrases of a table, in which they are separated by bars."""
    return tuple(phrase for line in lines for phrase in line.split(" | "))


def split_months(*lines: str) -> tuple[Phrases, ...]:
    """The names of each month, short ones after the long."""
    return tuple(tuple(names.split()) for names in split_table(*lines))


@dataclass(frozen=True)
class Language:
    """The phrases of one language, by what they announce.

    Sums: `final_totals` is all that a document asks for, tax included; `payments` what is due or was paid of it,
    `deposits` what was paid before; `totals` may be either, or the sum of anything; `other_totals` are sums of
    something else, though they may call themselves a total.

    Days: `issue_dates` of the document, `payment_dates` and `order_dates` of what it is about, `other_dates` such as
    the day it is due.
    """

    # A pattern for letters that are prefixed to words, as in Hebrew.
    prefix: str = ""
    final_totals: Phrases = ()
    payments: Phrases = ()
    totals: Phrases = ()
    other_totals: Phrases = ()
    taxes: Phrases = ()
    refund_totals: Phrases = ()
    deposits: Phrases = ()
    currency_labels: Phrases = ()
    # Words on documents whose dollars aren't American.
    other_dollars: Phrases = ()

    receipts: Phrases = ()
    credit_notes: Phrases = ()
    # May be a credit note or something else.
    unclear_credits: Phrases = ()
    charges: Phrases = ()
    quotes: Phrases = ()
    reminders: Phrases = ()
    failures: Phrases = ()
    # Counts in a subject only: the text of a receipt may mention failures that could happen.
    failure_subjects: Phrases = ()
    acknowledgements: Phrases = ()
    # How a mail program introduces what is quoted below.
    quoting: Phrases = ()
    # How a line of the quoted mail's own headers begins.
    quoted_headers: Phrases = ()

    issue_dates: Phrases = ()
    payment_dates: Phrases = ()
    order_dates: Phrases = ()
    dates: Phrases = ()
    # Words that announce a day and much else.
    weak_dates: Phrases = ()
    other_dates: Phrases = ()
    months: tuple[Phrases, ...] = ()

    invoice_numbers: Phrases = ()
    receipt_numbers: Phrases = ()
    # Of the paper itself, whatever it is.
    document_numbers: Phrases = ()
    other_numbers: Phrases = ()
    number_marks: Phrases = ()

    sellers: Phrases = ()
    customers: Phrases = ()
    # What a subject says before the name of who was paid.
    payees: Phrases = ()
    # What stands before a name.
    names: Phrases = ()
    # Numbers that a business has and a person doesn't.
    business_ids: Phrases = ()
    # What a page calls itself before its number.
    pages: Phrases = ()
