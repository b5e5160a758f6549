"""Who issued a document: neither its customer, nor a label, nor the program that it was written with."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from receipts.extraction.labels import Labels, any_of, fold, phrases
from receipts.extraction.money import find_money
from receipts.extraction.platforms import is_platform

# Who issued a document stands at its head.
VENDOR_LINES: Final = 25
MAX_NAME: Final = 80
MAX_NAME_WORDS: Final = 6
# Of a line that is an address: a name, a street, a town.
MIN_CELLS: Final = 3
# Below "Seller:", up to there.
BLOCK_LINES: Final = 4
# A company so near the top stands in the letterhead; one further down needs something else that speaks for it.
LETTERHEAD_LINES: Final = 12

_SIDES = Labels(seller=phrases(lambda words: words.sellers), customer=phrases(lambda words: words.customers))
_LEGAL_FORMS: Final = (
    r"ltd|inc|llc|l\.l\.c|limited|corp|corporation|plc|pty ltd|pvt\.? ltd|co|gmbh(?: & co\.? kg)?|ag|kg|ohg|e\.?k|ug"
    r"|b\.?v|n\.?v|s\.?a\.?s|s\.?a\.?r\.?l|s\.?l\.?u?|s\.?p\.?a|s\.?r\.?l|s\.?a"
)
_COMPANY = re.compile(rf"(?<!\S)(?P<name>\S++(?: \S++){{0,5}}?(?<!\d),? (?:(?:{_LEGAL_FORMS})(?!\w)\.?|בע\"מ))")
_LEGAL_FORM = re.compile(_LEGAL_FORMS)
_LONG_WORD = re.compile(r"\w{4,}")
# "Acme via Stripe", "Acme (through PayPal)": the name of the seller in that of the platform's mail.
_THROUGH = re.compile(r"^(?P<name>.{2,80}?),? \(?(?:via|through|by|באמצעות|über|par|por|tramite) .{2,60}")
_NAME_LABEL = re.compile(any_of(phrases(lambda words: words.names)) + " ?:")
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
_DIGIT = re.compile(r"\d")
_BUSINESS_ID = re.compile(any_of(phrases(lambda words: words.business_ids)))
_INTERNET = re.compile(r"(?<![\w.@-])(?:[\w.-]{1,64}@|www\.|https?://)[\w.-]{3,100}")
_PAYEE = re.compile(any_of(phrases(lambda words: words.payees)) + " ")
_CELL = re.compile(r" [|•·-] ")
_SEPARATOR = re.compile(r" {2,}|[|•·]| - | – |;")
_ADDRESS_OR_NUMBER = re.compile(r"\d{3,}|@|www\.|https?:")


@dataclass(frozen=True)
class Vendor:
    """A name, "" if none; `is_sure` where a label or a legal form says that it is one."""

    name: str
    is_sure: bool = False


NO_VENDOR: Final = Vendor("")


def find_vendor(lines: Sequence[str], folded: Sequence[str]) -> Vendor:
    """Who issued the document: what a label says, else the first company that is not the customer."""
    head = list(zip(lines[:VENDOR_LINES], folded[:VENDOR_LINES], strict=True))
    if named := next(_labelled(head), None):
        return named
    # A company that is its own return address stands above the customer's, who has none.
    if returned := next(filter(_is_company, _return_addresses(head[:LETTERHEAD_LINES])), ""):
        return Vendor(returned, is_sure=True)
    companies: dict[str, int] = {}
    for name, place in _companies(head):
        companies.setdefault(name, place)
    for name, place in islice(companies.items(), 1):
        is_likely = place < LETTERHEAD_LINES or _has_business_id(head[place:]) or _has_address_of(name, folded)
        return Vendor(name, is_sure=(len(companies) == 1 and is_likely) or _repeats(name, folded))
    return _letterhead(head, folded)


def _letterhead(head: Sequence[tuple[str, str]], folded: Sequence[str]) -> Vendor:
    """The first line, if it is a name: papers begin with who wrote them, unless they begin with their title."""
    if returned := next(_return_addresses(head), ""):
        return Vendor(returned, is_sure=True)
    line = _without_title(*head[0]) if head and not is_platform(head[0][0]) else ""
    for name in _real_name(line):
        is_short = len(name.split()) <= MAX_NAME_WORDS and not any(map(str.isdigit, name))
        if is_short and line.strip() == name:
            is_sure = (
                _has_business_id(head)
                or _has_customer_below(head)
                or _has_address_of(name, folded)
                or (line != head[0][0] and _has_street_below(head))
            )
            return Vendor(name, is_sure=is_sure)
    return NO_VENDOR


def _return_addresses(head: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Names in the small line above an address: "Acme · 1 Road · 10115 Berlin"."""
    for line, _folded in head:
        cells = [cell.strip() for cell in _CELL.split(line)]
        if len(cells) >= MIN_CELLS and any(map(_DIGIT.search, cells[1:])) and not _DIGIT.search(cells[0]):
            yield from _real_name(cells[0])


def _is_company(name: str) -> bool:
    return _COMPANY.fullmatch(fold(name)) is not None


def _has_customer_below(head: Sequence[tuple[str, str]]) -> bool:
    """Whether "Bill to" stands alone further down: then the name above all is not the customer's."""
    sides = ((side, folded) for _line, folded in head[1:] for side in _SIDES.find(folded))
    return any(side.kind == "customer" and not folded[side.end :].strip(" :") for side, folded in sides)


def _without_title(line: str, folded: str) -> str:
    """A line without the word "invoice" at one of its ends."""
    titles = list(_WORDS.finditer(folded))
    if titles and titles[0].start() == 0:
        return line[titles[0].end() :].lstrip(" .:")
    if titles and titles[-1].end() == len(folded):
        return line[: titles[-1].start()].rstrip(" .:")
    return line


def _has_business_id(head: Sequence[tuple[str, str]]) -> bool:
    """Whether a number that only businesses have stands right below the first line, and nothing of a customer."""
    for _line, folded in head[1 : 1 + BLOCK_LINES]:
        if _BUSINESS_ID.search(folded):
            return True
        if any(side.kind == "customer" for side in _SIDES.find(folded)):
            return False
    return False


def _has_street_below(head: Sequence[tuple[str, str]]) -> bool:
    """Whether an address follows: a name that stands beside the title of the paper is then its writer's."""
    return any(map(_DIGIT.search, (folded for _line, folded in head[1 : 1 + BLOCK_LINES])))


def _has_address_of(name: str, folded: Sequence[str]) -> bool:
    """Whether the paper shows a mail or web address that is made of the name."""
    return any(is_made_of(found[0], name) for line in folded for found in _INTERNET.finditer(line))


def is_made_of(address: str, name: str) -> bool:
    """Whether an address or domain speaks for a name: "Acme Tools" writes from acme-tools.com."""
    return any(word in address for word in _LONG_WORD.findall(fold(name)) if not _LEGAL_FORM.fullmatch(word))


def seller_through_platform(name: str) -> str:
    """ "Acme" out of "Acme via Stripe"; "" where the name is not of that form."""
    found = _THROUGH.fullmatch(fold(name))
    seller = name[found.start("name") : found.end("name")].strip("\"' ") if found else ""
    return "" if is_platform(seller) else seller


def payee(subject: str) -> str:
    """ "Acme Ltd" out of "You sent a payment of $25.00 to Acme Ltd"; "" where no one is named."""
    for money in reversed(find_money(subject)):
        subject = subject[: money.start] + subject[money.end :]
    subject = " ".join(subject.split())
    folded = fold(subject)
    found = _PAYEE.search(folded)
    if found is None:
        return ""
    company = _COMPANY.match(folded, found.end())
    return next(_real_name(subject[found.end() : company.end() if company else None]), "")


def _labelled(head: Sequence[tuple[str, str]]) -> Iterator[Vendor]:
    """Names that stand behind "Vendor:", or below it where it stands alone."""
    for place, (line, folded) in enumerate(head):
        label = next(iter(_SIDES.find(folded)), None)
        if label is None or label.kind != "seller" or folded[: label.start].strip():
            continue
        rest = folded[label.end : label.reach]
        says_so = rest.lstrip().startswith(":") or " " in folded[label.start : label.end].strip()
        if says_so and rest.strip(" :"):
            yield from (Vendor(name, is_sure=True) for name in _real_name(line[label.end : label.reach]))
        elif not rest.strip(" :"):
            block = head[place + 1 : place + 1 + BLOCK_LINES]
            is_shared = label.reach < len(folded)
            yield from _in_columns(block) if is_shared else _in_block(block)


def _in_columns(block: Sequence[tuple[str, str]]) -> Iterator[Vendor]:
    """The name below "Seller: Buyer:", where each line holds something of both: a legal form may say where it ends."""
    line, folded = block[0] if block else ("", "")
    company = _COMPANY.match(folded)
    if company and folded[company.end() :].strip(" ."):
        yield from (Vendor(name, is_sure=True) for name in _real_name(line[: company.end()]))
    yield from (replace(vendor, is_sure=False) for vendor in _in_block(block))


def _in_block(block: Sequence[tuple[str, str]]) -> Iterator[Vendor]:
    """The name in an address; it is not sure where another line of it may belong to the name."""
    for place, (line, folded) in enumerate(block):
        label = _NAME_LABEL.match(folded)
        for name in _real_name(line[label.end() :] if label else line):
            following, plain = block[place + 1] if place + 1 < len(block) else ("", "")
            goes_on = _NAME_LABEL.match(plain) or (any(_real_name(following)) and not _DIGIT.search(following))
            is_whole = _COMPANY.match(folded) or not goes_on
            yield Vendor(name, is_sure=bool(is_whole))


def _real_name(text: str) -> Iterator[str]:
    """The first part of `text`, if it may be a name."""
    name = _SEPARATOR.split(text.strip(" :"), maxsplit=1)[0].strip(" :,")[:MAX_NAME]
    folded = fold(name)
    has_label = bool(_SIDES.find(folded) or _WORDS.search(folded)) and not _COMPANY.match(folded)
    is_name = len(name) > 1 and not has_label and ":" not in name and not _ADDRESS_OR_NUMBER.search(folded)
    is_whole = name.count("(") == name.count(")")
    if is_name and is_whole and not is_platform(name):
        yield name


def _companies(head: Sequence[tuple[str, str]]) -> Iterator[tuple[str, int]]:
    """The companies named by their legal form, and on which line; not those that are anywhere named as the customer."""
    found = list(_sides_of_companies(head))
    customers = [line for line, _name, _place, is_customers in found if is_customers]
    for _line, name, place, is_customers in found:
        if not is_customers and not any(fold(name) in line for line in customers):
            yield name, place


def _sides_of_companies(head: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, int, bool]]:
    """Each line that names a company, the company, the line's place, and whether it speaks of the customer."""
    is_customers, labelled_at = False, 0
    for place, (line, folded) in enumerate(head):
        sides = _SIDES.find(folded)
        first = _COMPANY.search(folded)
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
        # "Acme Ltd Bill to": the customer's column begins beside the vendor's, and its name stands below.
        is_customers = bool(sides) and sides[-1].kind == "customer" and not folded[sides[-1].end :].strip(" :")
        name = _SEPARATOR.split(line[first.start() : first.end()])[-1].rpartition(":")[2].strip(" ,:")
        name = _without_title(name, fold(name))
        if " " in name and _is_name_alone(folded, first) and not is_platform(name):
            yield folded, name, place, False


def _is_name_alone(folded: str, company: re.Match[str]) -> bool:
    """Not a sentence that mentions a company: nothing before the name, and at most an address or another cell after."""
    return not folded[: company.start()].strip(" -•|") and len(folded) - company.end() < MAX_NAME


def _repeats(name: str, folded: Sequence[str]) -> bool:
    """Whether the paper names the company again, as the foot of a letter does."""
    wanted = fold(name)
    return sum(wanted in line for line in folded) > 1
