"""What may be the name of a vendor: no label, no title, no address, and no platform."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from receipts.extraction.labels import Labels, any_of, fold, phrases
from receipts.extraction.money import find_money
from receipts.extraction.platforms import is_platform

MAX_NAME: Final = 80
SIDES = Labels(seller=phrases(lambda words: words.sellers), customer=phrases(lambda words: words.customers))
_LEGAL_FORMS: Final = (
    r"ltd|inc|llc|l\.l\.c|limited|corp|corporation|plc|pty ltd|pvt\.? ltd|co|gmbh(?: & co\.? kg)?|ag|kg|ohg|e\.?k|ug"
    r"|b\.?v|n\.?v|s\.?a\.?s|s\.?a\.?r\.?l|s\.?l\.?u?|s\.?p\.?a|s\.?r\.?l|s\.?a"
)
COMPANY = re.compile(rf"(?<!\S)(?P<name>\S++(?: \S++){{0,5}}?(?<!\d),? (?:(?:{_LEGAL_FORMS})(?!\w)\.?|בע\"מ))")
_LEGAL_FORM = re.compile(_LEGAL_FORMS)
_LONG_WORD = re.compile(r"\w{4,}")
# "Acme via Stripe", "Acme (through PayPal)": the name of the seller in that of the platform's mail.
_THROUGH = re.compile(r"^(?P<name>.{2,80}?),? \(?(?:via|through|by|באמצעות|über|par|por|tramite) .{2,60}")
# Titles and labels, which begin no name.
_WORDS = re.compile(
    any_of(
        phrases(
            lambda words: (
                *words.receipts,
                *words.quotes,
                *words.issue_dates,
                *words.dates,
                *words.totals,
                *words.final_totals,
                *words.payments,
                *words.other_totals,
                *words.reminders,
            )
        )
    )
)
_PAYEE = re.compile(any_of(phrases(lambda words: words.payees)) + " ")
DIGIT = re.compile(r"\d")
SEPARATOR = re.compile(r" {2,}|[|•·]| - | – |;")
_ADDRESS_OR_NUMBER = re.compile(r"\d{3,}|@|www\.|https?:")


def is_company(name: str) -> bool:
    return COMPANY.fullmatch(fold(name)) is not None


def strip_title(line: str, folded: str) -> str:
    """A line without the word "invoice" at one of its ends."""
    titles = list(_WORDS.finditer(folded))
    if titles and titles[0].start() == 0:
        return line[titles[0].end() :].lstrip(" .:")
    if titles and titles[-1].end() == len(folded):
        return line[: titles[-1].start()].rstrip(" .:")
    return line


def is_made_of(address: str, name: str) -> bool:
    """Whether an address or domain speaks for a name: "Acme Tools" writes from acme-tools.com."""
    return any(word in address for word in _LONG_WORD.findall(fold(name)) if not _LEGAL_FORM.fullmatch(word))


def find_seller_behind_platform(name: str) -> str:
    """ "Acme" out of "Acme via Stripe"; "" where the name is not of that form."""
    match = _THROUGH.fullmatch(fold(name))
    seller = name[match.start("name") : match.end("name")].strip("\"' ") if match else ""
    return "" if is_platform(seller) else seller


def find_payee(subject: str) -> str:
    """ "Acme Ltd" out of "You sent a payment of $25.00 to Acme Ltd"; "" where no one is named."""
    for money in reversed(find_money(subject)):
        subject = subject[: money.start] + subject[money.end :]
    subject = " ".join(subject.split())
    folded = fold(subject)
    match = _PAYEE.search(folded)
    if match is None:
        return ""
    company = COMPANY.match(folded, match.end())
    return next(find_name(subject[match.end() : company.end() if company else None]), "")


def find_name(text: str) -> Iterator[str]:
    """The first part of `text`, if it may be a name."""
    name = SEPARATOR.split(text.strip(" :"), maxsplit=1)[0].strip(" :,")[:MAX_NAME]
    folded = fold(name)
    has_label = bool(SIDES.find(folded) or _WORDS.search(folded)) and not COMPANY.match(folded)
    is_name = len(name) > 1 and not has_label and ":" not in name and not _ADDRESS_OR_NUMBER.search(folded)
    is_whole = name.count("(") == name.count(")")
    if is_name and is_whole and not is_platform(name):
        yield name
