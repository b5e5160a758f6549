"""Finds who issued a document, as opposed to its customer or the program that made it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from receipts.extraction.companies import find_companies
from receipts.extraction.labels import fold
from receipts.extraction.letterhead import find_return_addresses, has_address_of, has_business_id, read_letterhead
from receipts.extraction.vendor_labels import Vendor, find_labelled_vendors
from receipts.extraction.vendor_names import is_company

# The vendor is named in a document's first lines.
VENDOR_LINES: Final = 25
# A company in these first lines is in the letterhead; one further down needs more evidence.
LETTERHEAD_LINES: Final = 12


def find_vendor(lines: Sequence[str], folded: Sequence[str]) -> Vendor:
    """The vendor that a label names, else the first company that is not the customer."""
    head = list(zip(lines[:VENDOR_LINES], folded[:VENDOR_LINES], strict=True))
    if named := next(find_labelled_vendors(head), None):
        return named
    # A company in a return address is the issuer: the customer's address has none.
    if returned := next(filter(is_company, find_return_addresses(head[:LETTERHEAD_LINES])), ""):
        return Vendor(returned, is_sure=True)
    companies: dict[str, int] = {}
    for name, place in find_companies(head):
        companies.setdefault(name, place)
    for name, place in islice(companies.items(), 1):
        is_likely = place < LETTERHEAD_LINES or has_business_id(head[place:]) or has_address_of(name, folded)
        return Vendor(name, is_sure=(len(companies) == 1 and is_likely) or _is_repeated(name, folded))
    return read_letterhead(head, folded)


def _is_repeated(name: str, folded: Sequence[str]) -> bool:
    """Whether the paper names the company again, as the foot of a letter does."""
    wanted = fold(name)
    return sum(wanted in line for line in folded) > 1
