"""Whether a mail was sent by a business, whose name may be the vendor's, or by a person who passes it on."""

import re
from typing import Final

from receipts.extraction import kinds
from receipts.extraction.facts import Facts
from receipts.extraction.platforms import is_platform
from receipts.extraction.vendor_names import find_payee, find_seller_behind_platform, is_made_of
from receipts.message.message import OpenedMessage

_PUBLIC_MAIL = re.compile(
    r"@(?:gmail|googlemail|hotmail|outlook|live|yahoo|icloud|me|walla|aol|gmx|web|t-online|proton(?:mail)?)\."
)
_ROLE = r"no-?reply|do-?not-?reply|billing|invoices?|receipts?|orders?|info|support|accounts?|notifications?|service"
_ROLE_NAME = re.compile(rf"^(?:{_ROLE}|חשבוניות|חשבונית|הנהלת חשבונות|קבלות)$", re.IGNORECASE)
_ROLE_ADDRESS = re.compile(rf"^(?:{_ROLE})@", re.IGNORECASE)
# Of domains such as mail.acme.co.il, the part that is a name.
_DOMAIN_PARTS: Final = {"co", "com", "org", "net", "mail", "email", "www", "ac", "gov"}


def may_be_personal(message: OpenedMessage) -> bool:
    """Whether a person may have sent it, rather than a shop or a mailing list."""
    address = message.sender_address.lower()
    is_role = _ROLE_ADDRESS.match(address) is not None or "noreply" in address.replace("-", "")
    return not message.is_bulk and not is_role


def has_public_address(message: OpenedMessage) -> bool:
    """Whether it was sent from a public mail provider, such as Gmail."""
    return _PUBLIC_MAIL.search(message.sender_address.lower()) is not None


def choose_vendor(facts: Facts, message: OpenedMessage, *, is_document: bool) -> tuple[str, bool]:
    """The vendor, and whether it is sure: a document names who issued it; a mail's text may name anybody.

    "" for a private address or a platform, which only pass mail on.
    """
    name, domain = _vendor_in_sender_name(message), _vendor_domain(message)
    named = facts.vendor
    if kinds.is_forward_or_reply(message.subject):
        # The sender forwarded it and is not its author.
        return (named, facts.is_vendor_sure) if named else (name or domain, False)
    if not is_document:
        name = name or find_payee(message.subject)
        return (name, True) if name else (named or domain, bool(named))
    if named and facts.is_vendor_sure:
        return named, True
    if named and name and (named in name or name in named):
        # Two halves of a name, or a name with and without its legal form: each makes the other sure.
        return max(named, name, key=len), True
    if named and is_made_of(domain, named):
        return named, True
    if name:
        return (named or name), not named
    return named or domain, False


def _vendor_in_sender_name(message: OpenedMessage) -> str:
    name = message.sender_name.strip("\"' ")
    if seller := find_seller_behind_platform(name):
        return seller
    if not name or "@" in name or _ROLE_NAME.match(name) or has_public_address(message):
        return ""
    return "" if is_platform(name) else name


def _vendor_domain(message: OpenedMessage) -> str:
    domain = message.sender_address.rpartition("@")[2].lower()
    if has_public_address(message):
        return ""
    names = [part for part in domain.split(".") if part not in _DOMAIN_PARTS]
    return "" if any(map(is_platform, names)) else domain
