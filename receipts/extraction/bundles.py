"""Whether one file holds several invoices, as a scan of a month's invoices does.

Pages are separated by form feeds. A file holds several invoices if its pages show different invoice numbers, or if more
than one page is numbered 1 and these don't share one invoice number, as an original and its copy do.
"""

import re
from collections.abc import Sequence
from typing import Final

from receipts.extraction.document_numbers import find_invoice_number
from receipts.extraction.kinds import find_titles
from receipts.extraction.labels import any_of, phrases

PAGE_BREAK: Final = "\f"
# Later ones are read as one.
MAX_PAGES: Final = 20

_FIRST_PAGE = re.compile(any_of(phrases(lambda words: words.pages)) + "[ :.]{0,3}1(?![0-9.,])")


def holds_several_invoices(pages: Sequence[tuple[Sequence[str], Sequence[str]]]) -> bool:
    """Whether the pages, each its lines and the same folded, are of more than one invoice."""
    if len(pages) < 2:
        return False
    numbers = [find_invoice_number(lines, folded) if find_titles(folded) else "" for lines, folded in pages]
    first = [
        number for number, (_lines, folded) in zip(numbers, pages, strict=True) if any(map(_FIRST_PAGE.search, folded))
    ]
    return len({*numbers} - {""}) > 1 or (len(first) > 1 and len({*first}) > 1)
