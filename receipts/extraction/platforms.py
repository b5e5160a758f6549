"""Platforms that issue documents on behalf of vendors (Stripe, iCount): they are vendors of their own fees only."""

import re
from typing import Final

from receipts.extraction.labels import any_of, fold

PLATFORMS: Final = tuple(
    name
    for line in (
        "green invoice | greeninvoice | חשבונית ירוקה | morning | icount | invoice4u | rivhit | ריווחית | ezcount",
        "sumit | cardcom | tranzila | payplus | grow | meshulam | hyp | bit",
        "stripe | paypal | quickbooks | intuit | xero | freshbooks | zoho | zoho invoice | wave | square | sumup",
        "paddle | fastspring | gumroad | lemon squeezy | chargebee | recurly | bill | invoice ninja | moneybird",
        "sevdesk | lexoffice | lexware | fastbill | debitoor | billomat | holded | fatture in cloud",
    )
    for name in line.split(" | ")
)
# What may stand behind the name: a legal form, a department, a country.
_REST: Final = (
    r"(?:[ ,.&()-]{1,3}(?:com|io|me|inc|ltd|llc|gmbh|limited|europe|payments?|billing|invoicing|invoices?"
    r"|notifications?|service|team|online|israel|technologies|בע\"מ))*[ .,)]*"
)
_PLATFORM = re.compile(any_of(("", name) for name in PLATFORMS) + _REST)


def is_platform(name: str) -> bool:
    """Whether all of a name is a platform's: "Square" is one, "Square Roots Ltd" is a vendor."""
    return _PLATFORM.fullmatch(fold(name).strip()) is not None
