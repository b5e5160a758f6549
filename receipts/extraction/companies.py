"""The companies that a document names by their legal form, without those that are its customer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from receipts.extraction.labels import fold
from receipts.extraction.platforms import is_platform
from receipts.extraction.vendor_labels import BLOCK_LINES
from receipts.extraction.vendor_names import COMPANY, MAX_NAME, SEPARATOR, SIDES, strip_title


def find_companies(head: Sequence[tuple[str, str]]) -> Iterator[tuple[str, int]]:
    """The companies named by their legal form, and on which line; not those that are anywhere named as the customer."""
    mentions = list(_find_mentions(head))
    customers = [line for line, _name, _place, is_customers in mentions if is_customers]
    for _line, name, place, is_customers in mentions:
        if not is_customers and not any(fold(name) in line for line in customers):
            yield name, place


def _find_mentions(head: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, int, bool]]:
    """Each line that names a company, the company, the line's place, and whether it speaks of the customer."""
    is_customers, labelled_at = False, 0
    for place, (line, folded) in enumerate(head):
        sides = SIDES.find(folded)
        first = COMPANY.search(folded)
        labelled_at = place if sides else labelled_at
        if sides and sides[0].kind == "customer" and (first is None or sides[0].start < first.end()):
            # The customer's name follows, on this line or the next.
            is_customers = first is None
            if first:
                yield folded, "", place, True
            continue
        if first is None:
            is_customers = is_customers and not sides
            continue
        if is_customers and place - labelled_at < BLOCK_LINES:
            is_customers = False
            yield folded, "", place, True
            continue
        # "Acme Ltd Bill to": the customer's column begins beside the vendor's, and its name is below.
        is_customers = bool(sides) and sides[-1].kind == "customer" and not folded[sides[-1].end :].strip(" :")
        name = SEPARATOR.split(line[first.start() : first.end()])[-1].rpartition(":")[2].strip(" ,:")
        name = strip_title(name, fold(name))
        if " " in name and _stands_alone(folded, first) and not is_platform(name):
            yield folded, name, place, False


def _stands_alone(folded: str, company: re.Match[str]) -> bool:
    """Not a sentence that mentions a company: nothing before the name, and at most an address or another cell after."""
    return not folded[: company.start()].strip(" -•|") and len(folded) - company.end() < MAX_NAME
