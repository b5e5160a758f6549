"""What a text says about a payment: amount, currency, date, number and vendor.

Text comes in lines as a person reads them. Nothing here guesses: where a text contradicts
itself or may be read in two ways, the fact is missing.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Final

from price_parser import Price

from receipts.charsets import clean

# Longer lines and texts are no receipt; the limits bound what the patterns below cost.
MAX_TEXT: Final = 600_000
MAX_LINE: Final = 400
MAX_LINES: Final = 3_000
MAX_AMOUNT: Final = Decimal(10) ** 9
# Of dates on paper. Others are misread, and years at the ends of the calendar break those who reckon with them.
YEARS: Final = range(1900, 2100)
# How far from the day a mail was sent its receipt was issued, where 3/4 may be April or March.
# Two readings of one date are at least 27 days apart: never are both this near.
NEAR_BEFORE: Final = timedelta(days=21)
NEAR_AFTER: Final = timedelta(days=3)

_QUOTES: Final = dict.fromkeys(map(ord, "״“”„"), '"') | dict.fromkeys(map(ord, "׳‘’"), "'")

HEBREW = re.compile(r"[\u05d0-\u05ea]")
# One or two letters that Hebrew sets before a word: the, to, in, and, that, from.
_PREFIX = r"(?<![\u05d0-\u05ea])[הלבושמכ]{0,2}"

RECEIPT_WORDS = re.compile(
    rf"{_PREFIX}(?:חשבונית|חשבוניות|קבלה|קבלות|חשבון עסקה|אישור תשלום|אישור הזמנה|דרישת תשלום)"
    r"|\b(?:tax invoice|invoice|receipt|order confirmation|payment confirmation"
    r"|payment received|confirmation of payment|your order|proof of purchase)s?\b",
    re.IGNORECASE,
)

_CURRENCIES: Final = {
    # Real money that receipts are not kept in: never to be taken for another.
    "?": r"(?:CA|C|AU|A|NZ|HK|SG|S|MX|R) ?\$|CAD|AUD|NZD|CHF|JPY|CNY|SEK|NOK|DKK|PLN|INR|¥|₹|₽",
    "ILS": r'₪|NIS|ILS|ש"ח|ש\'\'ח|שקלים|שקל',
    "USD": r"US ?\$|(?<![A-Za-z])\$|USD|דולר",
    "EUR": r"€|EUR|אירו|יורו",
    "GBP": r"£|GBP",
}
_CURRENCY = "|".join(f"(?:{pattern})" for pattern in _CURRENCIES.values())
_CURRENCY_WORD = re.compile(
    rf"(?:(?<![A-Za-z\u05d0-\u05ea])|(?<=\sב))(?:{_CURRENCY})(?![A-Za-z\u05d0-\u05ea])",
    re.IGNORECASE,
)
_NUMBER = r"(?:\d{1,3}(?:[,.']\d{3})+(?:[.,]\d{1,2})?|\d{1,10}(?:[.,]\d{1,2})?)"
_MONEY = re.compile(
    rf"(?:(?<![A-Za-z])(?P<before>{_CURRENCY})\s{{0,3}})?"
    rf"(?<![\d.,/#-])(?P<minus>[-\u2212])?(?P<number>{_NUMBER})(?![\d/%]|[.,-]\d|\s?%|[A-Za-z]\d)"
    rf"(?:\s{{0,3}}(?P<after>{_CURRENCY})(?![A-Za-z\u05d0-\u05ea]))?",
    re.IGNORECASE,
)

# What is asked or paid in the end.
_FINAL_TOTAL = re.compile(
    r'סה"כ (?:לתשלום|ששולם|שולם|כולל|חיוב|בתשלום)|סך הכל (?:לתשלום|ששולם|כולל)'
    r"|סכום (?:לתשלום|ששולם|החיוב|העסקה)|(?<![\u05d0-\u05ea])לתשלום(?![\u05d0-\u05ea])"
    r"|\b(?:grand total|invoice total|order total|total (?:due|paid|charged|to pay|amount|payable)"
    r"|total \(?(?:incl|including|inc)\b|amount (?:due|paid|charged|payable)|balance due"
    r"|you paid)\b",
    re.IGNORECASE,
)
_TOTAL = re.compile(r'סה"כ|סך הכל|סך-הכל|\btotal\b|\bסכום\b|\bamount\b', re.IGNORECASE)
# Sums of something else, though they may call themselves a total.
_OTHER_TOTAL = re.compile(
    r'לפני (?:מע"מ|הנחה)|סכום ביניים|סיכום ביניים|ללא מע"מ'
    r'|סה"כ (?:מע"מ|הנחה|הנחות|פריטים|חייב במע"מ|פטור)|חסכת|יתרה קודמת'
    r"|\bsub[- ]?total|\btotal (?:vat|tax|discount|savings|items|hours|net|before|excl)"
    r"|\b(?:vat|tax|discount) (?:amount|total)|\bnet (?:amount|total)|\bprevious balance",
    re.IGNORECASE,
)

_MONTHS_EN = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_MONTHS_HE = "ב?(?:ינואר|פברואר|מרץ|מרס|אפריל|מאי|יוני|יולי|אוגוסט|ספטמבר|אוקטובר|נובמבר|דצמבר)"
# The months of the two patterns above, by their first three letters.
_MONTHS: Final = {
    word: number
    for number, words in enumerate(
        (
            ("jan", "ינו"),
            ("feb", "פבר"),
            ("mar", "מרץ", "מרס"),
            ("apr", "אפר"),
            ("may", "מאי"),
            ("jun", "יונ"),
            ("jul", "יול"),
            ("aug", "אוג"),
            ("sep", "ספט"),
            ("oct", "אוק"),
            ("nov", "נוב"),
            ("dec", "דצמ"),
        ),
        start=1,
    )
    for word in words
}
_WORDS_OF_DATE = re.compile(r"\d+|[a-z]{3,}|[א-ת]{3,}")
_DATE = re.compile(
    r"(?<![\d./-])(?:"
    r"(?P<iso>(?:19|20)\d\d([-/.])\d{1,2}\2\d{1,2})"
    r"|(?P<numeric>\d{1,2}([-/.])\d{1,2}\4(?:(?:19|20)\d\d|\d\d))"
    rf"|(?P<words>\d{{1,2}}(?:st|nd|rd|th)?(?: of)?[ -](?:{_MONTHS_EN}|{_MONTHS_HE}),?[ -]\d{{4}}"
    rf"|(?:{_MONTHS_EN}|{_MONTHS_HE}) \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})"
    r")(?![\d/-]|\.\d)",
    re.IGNORECASE,
)
_ISSUE_DATE = re.compile(
    r"תאריך (?:הפקה|הפקת|חשבונית|החשבונית|מסמך|המסמך|קבלה|הקבלה|תשלום|עסקה|העסקה|הזמנה|ההזמנה)"
    r"|\b(?:invoice|issue|receipt|payment|order|billing|bill) date|\bdate (?:of issue|issued|paid)"
    r"|\bissued(?: on)?|\bpaid on",
    re.IGNORECASE,
)
_ANY_DATE = re.compile(r"תאריך|\bdated?\b", re.IGNORECASE)
_OTHER_DATE = re.compile(
    r"\bdue\b|\bpay by\b|expir|valid until|delivery|renew|period"
    r"|לתשלום עד|פירעון|פרעון|תוקף|תאריך ערך|אספקה|תקופה",
    re.IGNORECASE,
)

_DIGITS = r"(?P<number>(?=[A-Z0-9/_-]{0,29}\d)[A-Z0-9](?:[A-Z0-9/_-]{0,28}[A-Z0-9])?)(?![\w.,]?\d)"
_MARK_EN = r"(?:\s{0,2}(?:number|num\b|no\b\.?|id\b|reference|ref\b\.?|№))?\s{0,2}[:#]{0,2}\s{0,2}#?"
_MARK_HE = r"(?:\s{0,2}(?:מספר|מס'|מס\b\.?|No\.?))?\s{0,2}[:#]{0,2}\s{0,2}#?"
# In the order in which they are believed.
_NUMBERS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:חשבונית(?: עסקה| זיכוי)?(?: מס)?(?: ?/ ?| )?(?:קבלה)?|חשבון עסקה){_MARK_HE}{_DIGITS}",
        rf"\binvoice{_MARK_EN}{_DIGITS}",
        rf"{_PREFIX}קבלה{_MARK_HE}{_DIGITS}",
        rf"\breceipt{_MARK_EN}{_DIGITS}",
        rf"(?:מסמך|אסמכתא|הזמנה){_MARK_HE}{_DIGITS}",
        rf"\b(?:document|order|transaction|confirmation){_MARK_EN}{_DIGITS}",
    )
]

_VENDOR_LABEL = re.compile(
    r"^\s*(?:vendor|seller|merchant|supplier|sold by|bill from|issued by|ספק|שם העסק|שם הספק|מאת)"
    r"\s*:\s*(?P<name>\S.{1,79})$",
    re.IGNORECASE,
)
# A line that is a company's name, rather than a sentence that mentions one.
_COMPANY = re.compile(r"^(?:\S+ ){1,5}(?:(?:ltd|inc|llc|gmbh|limited|corp|plc|b\.v|s\.a)\b\.?|בע\"מ)", re.IGNORECASE)
_CUSTOMER = re.compile(r"\b(?:bill(?:ed)? to|sold to|ship to|customer|client|attn)\b|לכבוד|לקוח", re.IGNORECASE)
VENDOR_LINES: Final = 15


@dataclass(frozen=True)
class Total:
    """An amount of money with its currency, "" when unknown; `weight` from 0 to 1."""

    amount: Decimal
    currency: str
    weight: float


@dataclass(frozen=True)
class Facts:
    """What was read out of one text. Missing facts are None or ""."""

    total: Total | None
    issued_on: date | None
    invoice_number: str
    vendor: str
    has_receipt_words: bool


def read_facts(text: str, *, sent_at: datetime | None) -> Facts:
    """The facts that `text` holds. `sent_at` decides which of two readings a date has."""
    lines = readable_lines(text)
    whole = "\n".join(lines)
    total = find_total(lines)
    return Facts(
        total=total,
        issued_on=find_date(lines, _day_first(whole, total), sent_at),
        invoice_number=find_number(whole),
        vendor=find_vendor(lines),
        has_receipt_words=RECEIPT_WORDS.search(whole) is not None,
    )


def readable_lines(text: str) -> list[str]:
    """The first lines of `text` that hold something, with one kind of quote and one kind of space."""
    lines = (_readable_line(line) for line in text[:MAX_TEXT].splitlines())
    return list(islice(filter(None, lines), MAX_LINES))


def _readable_line(line: str) -> str:
    line = clean(line)[:MAX_LINE]
    if line.isascii():
        return line
    # Cut before it is normalized: Python sorts marks that stand on one letter in quadratic time.
    line = unicodedata.normalize("NFKC", line).translate(_QUOTES)
    return " ".join(line.split())[:MAX_LINE]


def find_total(lines: Sequence[str]) -> Total | None:
    """The amount that was asked or paid: the final total before any total before a lone sum."""
    bare = [_DATE.sub(" ", line) for line in lines]
    for label, weight in ((_FINAL_TOTAL, 1.0), (_TOTAL, 0.8)):
        labelled = list(_labelled_amounts(bare, label))
        if labelled:
            return _agreed(labelled, bare, weight)
    marked = [money for line in bare for money in _money(line) if money[1]]
    return _agreed(marked, bare, 0.3) if len(set(marked)) == 1 else None


def _labelled_amounts(lines: Sequence[str], label: re.Pattern[str]) -> Iterator[tuple[Decimal, str]]:
    for number, line in enumerate(lines):
        found = label.search(line)
        if not found or _OTHER_TOTAL.search(line):
            continue
        yield from (
            _amounts_beside(line, found.end()) or (number + 1 < len(lines) and _amount_alone(lines[number + 1])) or []
        )


def _amounts_beside(line: str, end: int) -> list[tuple[Decimal, str]]:
    """The sums on a label's line: those after it, else the only one before it."""
    after = list(_money(line[end:]))
    marked = [money for money in after if money[1]]
    if marked:
        return marked
    return after[-1:] or [money for money in _money(line[:end]) if money[1]][-1:]


def _amount_alone(line: str) -> list[tuple[Decimal, str]]:
    """The sum on a line that holds nothing else, as tables read out cell by cell do."""
    found = _MONEY.fullmatch(line)
    return list(_money(line)) if found else []


def _money(text: str) -> Iterator[tuple[Decimal, str]]:
    """The sums of money in `text` above zero, with their currencies."""
    for found in _MONEY.finditer(text):
        amount = _amount(found["number"])
        if found["minus"] or amount is None:
            continue
        yield amount, _currency(found["before"] or found["after"])


def _amount(number: str) -> Decimal | None:
    try:
        amount = Price.fromstring(number).amount
    except (InvalidOperation, ValueError):
        return None
    return amount if amount is not None and 0 < amount < MAX_AMOUNT else None


def _currency(mark: str | None) -> str:
    if not mark:
        return ""
    return next(name for name, pattern in _CURRENCIES.items() if re.fullmatch(pattern, mark, re.IGNORECASE))


def _agreed(sums: Sequence[tuple[Decimal, str]], lines: Sequence[str], weight: float) -> Total | None:
    """The one sum that all of `sums` are, or None when they contradict each other."""
    if len({amount for amount, _ in sums}) != 1:
        return None
    currencies = {currency for _, currency in sums if currency} or _currencies_named(lines)
    currency = currencies.pop() if len(currencies) == 1 else ""
    return Total(sums[0][0], currency.strip("?"), weight)


def _currencies_named(lines: Sequence[str]) -> set[str]:
    return {_currency(found[0]) for line in lines for found in _CURRENCY_WORD.finditer(line)}


def _day_first(text: str, total: Total | None) -> bool | None:
    """Whether dates like 3/4/2024 mean the third of April; None where people differ."""
    if HEBREW.search(text) or (total and total.currency in ("ILS", "EUR", "GBP")):
        return True
    return None


def find_date(lines: Sequence[str], day_first: bool | None, sent_at: datetime | None) -> date | None:
    """The day the document was issued: what a label says, else the only date in the text."""
    usable = [line for line in lines if _DATE.search(line) or _ANY_DATE.search(line)]
    for label in (_ISSUE_DATE, _ANY_DATE):
        days = {day for expression in _labelled_dates(lines, label) if (day := _day(expression, day_first, sent_at))}
        if days:
            return days.pop() if len(days) == 1 else None
    days = {
        day
        for line in usable
        if not _OTHER_DATE.search(line)
        for found in _DATE.finditer(line)
        if (day := _day(found, day_first, sent_at))
    }
    return days.pop() if len(days) == 1 else None


def _labelled_dates(lines: Sequence[str], label: re.Pattern[str]) -> Iterator[re.Match[str]]:
    for number, line in enumerate(lines):
        found = label.search(line)
        if not found:
            continue
        day = _DATE.search(line, found.end())
        if day and not _OTHER_DATE.search(line, max(0, found.start() - 10), day.start()):
            yield day
        elif not _DATE.search(line) and number + 1 < len(lines):
            alone = _DATE.fullmatch(lines[number + 1])
            if alone and not _OTHER_DATE.search(line):
                yield alone


def _day(found: re.Match[str], day_first: bool | None, sent_at: datetime | None) -> date | None:
    if found["iso"]:
        return _real_day(*map(int, re.split(r"\D", found["iso"])))
    if found["words"]:
        return _day_in_words(found["words"].lower())
    first, second, year = map(int, re.split(r"\D", found["numeric"]))
    year += 2000 if year < 100 else 0
    readings = [_real_day(year, second, first), _real_day(year, first, second)]
    if day_first or "." in found["numeric"]:
        return readings[0]
    days = {day for day in readings if day}
    if len(days) > 1:
        days = {day for day in days if sent_at and _is_near(day, sent_at)}
    return days.pop() if len(days) == 1 else None


def _real_day(year: int, month: int, day: int) -> date | None:
    if year not in YEARS:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _day_in_words(words: str) -> date | None:
    """The day that the `words` of `_DATE` name, in lower case: a month, its day, the year last."""
    parts = _WORDS_OF_DATE.findall(words)
    day, year = (int(part) for part in parts if part.isdecimal())
    month = next(filter(None, map(_month, parts)), 0)
    return _real_day(year, month, day)


def _month(word: str) -> int | None:
    return _MONTHS.get(word[:3]) or _MONTHS.get(word.removeprefix("ב")[:3])


def _is_near(day: date, sent_at: datetime) -> bool:
    return sent_at.date() - NEAR_BEFORE <= day <= sent_at.date() + NEAR_AFTER


def find_number(text: str) -> str:
    """The invoice's number, else the receipt's, the document's or the order's; "" if none."""
    for pattern in _NUMBERS:
        for found in pattern.finditer(text):
            # A date or a small number beside the word is no number of a document.
            if not _DATE.fullmatch(found["number"]) and len(found["number"]) > 2:
                return found["number"]
    return ""


def find_vendor(lines: Iterable[str]) -> str:
    """Who issued the document: what a label says, else the first company named; "" if none."""
    head = list(lines)[:VENDOR_LINES]
    for line in head:
        if found := _VENDOR_LABEL.match(line):
            return found["name"].strip()
    for number, line in enumerate(head):
        about_customer = _CUSTOMER.search(line) or (number and _CUSTOMER.search(head[number - 1]))
        if _COMPANY.fullmatch(line) and not about_customer:
            return line
    return ""
