"""How e-invoices are recognized by the beginning of their XML."""

from __future__ import annotations

import re
from typing import Final

# With what is embedded in it: XRechnung carries the papers that belong to an invoice.
MAX_XML: Final = 10_000_000
# The root, behind what may stand before it.
_ROOT = re.compile(
    rb"\A(?:\s|\xef\xbb\xbf|\xff\xfe|\xfe\xff|<\?[^>]*+>|<!--(?:[^-]|-(?!->))*+-->)*+"
    rb"<(?:[\w.-]{1,40}:)?(?:CrossIndustryInvoice|CrossIndustryDocument|Invoice|CreditNote)\s"
)
_NAMESPACE = re.compile(
    rb"urn:(?:oasis:names:specification:ubl:schema:xsd:(?:Invoice|CreditNote)-2|[\w:.-]{1,80}CrossIndustry)"
)


def is_einvoice(head: bytes) -> bool:
    """Whether a file that begins so is an e-invoice."""
    head = head[:8_192].replace(b"\0", b"")  # in UTF-16 too
    return _ROOT.match(head) is not None and _NAMESPACE.search(head) is not None
