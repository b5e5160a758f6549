"""The vendor in a document's letterhead: papers begin with who wrote them, unless they begin with their title."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from receipts.extraction.labels import any_of, phrases
from receipts.extraction.platforms import is_platform
from receipts.extraction.vendor_labels import BLOCK_LINES, Vendor
from receipts.extraction.vendor_names import DIGIT, SIDES, find_name, is_made_of, strip_title

MAX_NAME_WORDS: Final = 6
# Of a line that is an address: a name, a street, a town.
MIN_CELLS: Final = 3
_BUSINESS_ID = re.compile(any_of(phrases(lambda words: words.business_ids)))
_INTERNET = re.compile(r"(?<![\w.@-])(?:[\w.-]{1,64}@|www\.|https?://)[\w.-]{3,100}")
_CELL = re.compile(r" [|•·-] ")
NO_VENDOR: Final = Vendor("")


def read_letterhead(head: Sequence[tuple[str, str]], folded: Sequence[str]) -> Vendor:
    """The first line, if it is a name: papers begin with who wrote them, unless they begin with their title."""
    if returned := next(find_return_addresses(head), ""):
        return Vendor(returned, is_sure=True)
    line = strip_title(*head[0]) if head and not is_platform(head[0][0]) else ""
    for name in find_name(line):
        is_short = len(name.split()) <= MAX_NAME_WORDS and not any(map(str.isdigit, name))
        if is_short and line.strip() == name:
            is_sure = (
                has_business_id(head)
                or _has_customer_below(head)
                or has_address_of(name, folded)
                or (line != head[0][0] and _has_street_below(head))
            )
            return Vendor(name, is_sure=is_sure)
    return NO_VENDOR


def find_return_addresses(head: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Names in the small line above an address: "Acme · 1 Road · 10115 Berlin"."""
    for line, _folded in head:
        cells = [cell.strip() for cell in _CELL.split(line)]
        if len(cells) >= MIN_CELLS and any(map(DIGIT.search, cells[1:])) and not DIGIT.search(cells[0]):
            yield from find_name(cells[0])


def _has_customer_below(head: Sequence[tuple[str, str]]) -> bool:
    """Whether "Bill to" is alone on a later line: the name at the top is then not the customer's."""
    sides = ((side, folded) for _line, folded in head[1:] for side in SIDES.find(folded))
    return any(side.kind == "customer" and not folded[side.end :].strip(" :") for side, folded in sides)


def has_business_id(head: Sequence[tuple[str, str]]) -> bool:
    """Whether a number that only businesses have follows the first line, before any mention of a customer."""
    for _line, folded in head[1 : 1 + BLOCK_LINES]:
        if _BUSINESS_ID.search(folded):
            return True
        if any(side.kind == "customer" for side in SIDES.find(folded)):
            return False
    return False


def _has_street_below(head: Sequence[tuple[str, str]]) -> bool:
    """Whether an address follows: a name beside the document's title is then its issuer's."""
    return any(map(DIGIT.search, (folded for _line, folded in head[1 : 1 + BLOCK_LINES])))


def has_address_of(name: str, folded: Sequence[str]) -> bool:
    """Whether the paper shows a mail or web address that is made of the name."""
    return any(is_made_of(match[0], name) for line in folded for match in _INTERNET.finditer(line))
