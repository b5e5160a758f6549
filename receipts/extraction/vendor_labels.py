"""The vendor that a document names behind or below a label such as "Seller:"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from receipts.extraction.labels import any_of, phrases
from receipts.extraction.vendor_names import COMPANY, DIGIT, SIDES, find_name

# Below "Seller:", up to there.
BLOCK_LINES: Final = 4
_NAME_LABEL = re.compile(any_of(phrases(lambda words: words.names)) + " ?:")


@dataclass(frozen=True)
class Vendor:
    """A name, "" if none; `is_sure` where a label or a legal form says that it is one."""

    name: str
    is_sure: bool = False


def find_labelled_vendors(head: Sequence[tuple[str, str]]) -> Iterator[Vendor]:
    """Names behind "Vendor:", or below it where nothing else is on its line."""
    for place, (line, folded) in enumerate(head):
        label = next(iter(SIDES.find(folded)), None)
        if label is None or label.kind != "seller" or folded[: label.start].strip():
            continue
        rest = folded[label.end : label.reach]
        says_so = rest.lstrip().startswith(":") or " " in folded[label.start : label.end].strip()
        if says_so and rest.strip(" :"):
            yield from (Vendor(name, is_sure=True) for name in find_name(line[label.end : label.reach]))
        elif not rest.strip(" :"):
            block = head[place + 1 : place + 1 + BLOCK_LINES]
            is_shared = label.reach < len(folded)
            yield from _find_in_columns(block) if is_shared else _find_in_block(block)


def _find_in_columns(block: Sequence[tuple[str, str]]) -> Iterator[Vendor]:
    """The name below "Seller: Buyer:", where each line holds something of both: a legal form may say where it ends."""
    line, folded = block[0] if block else ("", "")
    company = COMPANY.match(folded)
    if company and folded[company.end() :].strip(" ."):
        yield from (Vendor(name, is_sure=True) for name in find_name(line[: company.end()]))
    yield from (replace(vendor, is_sure=False) for vendor in _find_in_block(block))


def _find_in_block(block: Sequence[tuple[str, str]]) -> Iterator[Vendor]:
    """The name in an address; it is not sure where another line of it may belong to the name."""
    for place, (line, folded) in enumerate(block):
        label = _NAME_LABEL.match(folded)
        for name in find_name(line[label.end() :] if label else line):
            following, plain = block[place + 1] if place + 1 < len(block) else ("", "")
            goes_on = _NAME_LABEL.match(plain) or (any(find_name(following)) and not DIGIT.search(following))
            is_whole = COMPANY.match(folded) or not goes_on
            yield Vendor(name, is_sure=bool(is_whole))
