"""Sums of money in a line: their amounts, their currencies, and which way they went."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

from price_parser import Price

MAX_AMOUNT: Final = Decimal(10) ** 9
# A number without a currency and without decimals that has more digits than this is no sum.
MAX_BARE_DIGITS: Final = 6
# A line of more numbers is no summary of a receipt.
MAX_SUMS: Final = 40
# Real money that receipts are not kept in: never to be taken for another.
UNKEPT: Final = "?"

_CODES: Final = (
    r"CAD|AUD|NZD|CHF|SFr|JPY|CNY|RMB|SEK|NOK|DKK|PLN|INR|HUF|CZK|RON|BGN|TRY|ZAR|BRL|MXN|SGD|HKD|KRW|THB|AED|SAR|RUB"
    r"|UAH|KHR|ISK|EGP|JOD|PHP|IDR|MYR|VND|ARS|CLP|COP"
)
_CURRENCIES: Final = {
    UNKEPT: rf"(?:CA|C|AU|A|NZ|HK|SG|S|MX|R) ?\$|(?<![A-Za-z])(?:{_CODES}|Rs\.?|kr\.?|zł|Kč)(?![A-Za-z])|[¥₹₽₩₺₴฿]",
    "ILS": r'₪|(?<![A-Za-z])(?:NIS|ILS)(?![A-Za-z])|(?<![א-ת])ב?(?:ש"ח|ש\'\'ח|שקלים|שקל)(?![א-ת])',
    "USD": r"US ?\$|(?<![A-Za-z])\$|(?<![A-Za-z])USD(?![A-Za-z])|(?<![א-ת])ב?דולר(?:ים)?(?![א-ת])",
    "EUR": r"€|(?<![A-Za-z])(?:EUR|Eur|EURO|Euro|euro|euros)(?![A-Za-z])|(?<![א-ת])ב?(?:אירו|יורו)(?![א-ת])",
    "GBP": r"£|(?<![A-Za-z])GBP(?![A-Za-z])",
}
_CURRENCY: Final = "|".join(f"(?:{pattern})" for pattern in _CURRENCIES.values())
# The signs and letters that one begins with, asked for first: a line is full of others.
_BEGINS: Final = "(?=[A-Zekz\u05d0-\u05ea$\u00a3\u00a5\u0e3f\u20a9-\u20bd])"
CURRENCY = re.compile(rf"{_BEGINS}(?:{_CURRENCY})")
_NAMES: Final = [(name, re.compile(pattern)) for name, pattern in _CURRENCIES.items()]
# Dollars are of many countries; these name their own beside the bare sign.
_BARE_DOLLAR: Final = "$"

_GROUPED = r"(?<=[1-9])\d{0,2}(?:(?P<mark>[,.'])\d{3})(?:(?P=mark)\d{3}){0,3}"
_SPACED = r"(?<=[1-9])\d{0,2}(?: \d{3}){1,3}(?!\d)"
# Its first digit comes first, and then what may not stand before it: so whatever is no digit is passed over fastest.
NUMBER = re.compile(
    r"\d(?<![\d.,/#]\d)(?<!\d[:'-]\d)"
    rf"(?:{_GROUPED}|(?P<spaced>{_SPACED})|\d{{0,9}})(?P<decimals>[.,]\d{{1,2}})?"
    r"(?![\d%]|[.,':/]\d|-\d|\s?%)"
)
_PLAIN = re.compile(r"\d+(?:\.\d\d)?", re.ASCII)
_MINUS: Final = "-\u2212\u2013"
_BEFORE_NUMBER = re.compile(r"\s{0,3}[(\-\u2212\u2013]?\s?")
_AFTER_NUMBER = re.compile(r"\s{0,3}")


@dataclass(frozen=True)
class Money:
    """A sum in a line, from `start` to `end`.

    `currency` is "" where none is written, `UNKEPT` for a currency that receipts are not kept in. `is_bare` has
    neither a currency nor decimals, and may be a count. `is_aside` stands alone in brackets, as accounts write what is
    negative; `is_remark` stands in them with other words. `other_reading` is what else
    the same digits may mean: "7 479.50" is seven thousand, or a count of seven before the sum.
    """

    amount: Decimal
    currency: str
    start: int
    end: int
    has_decimals: bool
    is_aside: bool = False
    is_remark: bool = False
    other_reading: Decimal | None = None

    @property
    def is_bare(self) -> bool:
        return not self.currency and not self.has_decimals


@dataclass(frozen=True)
class _Mark:
    """A currency's sign or code in a line."""

    currency: str
    text: str
    start: int
    end: int


def find_money(line: str) -> list[Money]:
    """The sums in a line, from left to right; those that are written with a minus are negative."""
    numbers = list(NUMBER.finditer(line))
    if not 0 < len(numbers) <= MAX_SUMS:
        return []
    marks = [_Mark(currency_of(found[0]), found[0], found.start(), found.end()) for found in CURRENCY.finditer(line)]
    owned: list[list[_Mark]] = [[] for _number in numbers]
    for mark, owner in zip(marks, _owners(line, numbers, marks), strict=True):
        if owner is not None:
            owned[owner].append(mark)
    return [money for number, own in zip(numbers, owned, strict=True) if (money := _money(line, number, own))]


@lru_cache(maxsize=200)
def currency_of(mark: str) -> str:
    """The currency of a sign, a code or a word."""
    return next((name for name, pattern in _NAMES if pattern.fullmatch(mark)), UNKEPT)


def named_currencies(lines: Sequence[str]) -> set[str]:
    """Every currency that the lines name. A bare dollar sign is no other country's where that country's is named."""
    marks = {found[0].upper() for line in lines for found in CURRENCY.finditer(line)}
    if any("$" in mark or mark in ("CAD", "AUD", "NZD", "SGD", "HKD") for mark in marks - {_BARE_DOLLAR}):
        marks.discard(_BARE_DOLLAR)
    return {currency_of(mark) for mark in marks}


def _owners(line: str, numbers: list[re.Match[str]], marks: list[_Mark]) -> list[int | None]:
    """For each currency's mark, the place of the number that it belongs to.

    A mark that touches one number belongs to it. Between two numbers, all marks of a line stand on the same side.
    """
    sides = [_neighbours(line, numbers, mark) for mark in marks]
    only_left = sum(right is None and left is not None for left, right in sides)
    only_right = sum(left is None and right is not None for left, right in sides)
    owners: list[int | None] = []
    for mark, (left, right) in zip(marks, sides, strict=True):
        if left is None or right is None:
            owners.append(right if left is None else left)
            continue
        touches_left, touches_right = numbers[left].end() == mark.start, numbers[right].start() - mark.end <= 0
        if touches_left != touches_right:
            owners.append(left if touches_left else right)
        else:
            owners.append(left if only_left > only_right else right)
    return owners


def _neighbours(line: str, numbers: list[re.Match[str]], mark: _Mark) -> tuple[int | None, int | None]:
    """The numbers that only spaces, a minus or a bracket part from the mark."""
    following = bisect_left(numbers, mark.end, key=lambda number: number.start())
    left = right = None
    if following and _AFTER_NUMBER.fullmatch(line, numbers[following - 1].end(), mark.start):
        left = following - 1
    if following < len(numbers) and _BEFORE_NUMBER.fullmatch(line, mark.end, numbers[following].start()):
        right = following
    return left, right


def _money(line: str, number: re.Match[str], marks: list[_Mark]) -> Money | None:
    if not marks and _is_part_of_word(line, number):
        return None
    start, end = number.span()
    if marks:
        start, end = min(start, *(mark.start for mark in marks)), max(end, *(mark.end for mark in marks))
    amount = _amount(number[0])
    if amount is None:
        return None
    is_aside = line[max(0, start - 1) : start] == "(" and line[end : end + 1] == ")"
    money = Money(
        amount=amount,
        currency=_one_currency(marks),
        start=start,
        end=end,
        has_decimals=number["decimals"] is not None or number["mark"] is not None,
        is_aside=is_aside,
        is_remark=not is_aside and line.rfind("(", 0, start) > line.rfind(")", 0, start),
        other_reading=_other_reading(number, marks),
    )
    return replace(money, amount=-amount) if _is_negative(line, money, number) else money


def _is_part_of_word(line: str, number: re.Match[str]) -> bool:
    before, after = line[max(0, number.start() - 1) : number.start()], line[number.end() : number.end() + 1]
    is_long = number["mark"] is None and number["decimals"] is None and len(number[0]) > MAX_BARE_DIGITS
    is_in_number = before == "-" and line[max(0, number.start() - 2) : number.start() - 1].isalnum()
    touches_letter = before.isalpha() or after.isalpha() or "_" in (before, after)
    return touches_letter or is_in_number or is_long


def _amount(number: str) -> Decimal | None:
    amount: Decimal | None
    try:
        if _PLAIN.fullmatch(number):
            amount = Decimal(number)  # most are: nothing about them is a question for the parser
        else:
            amount = Price.fromstring(number.replace(" ", "").replace("'", "")).amount
    except (InvalidOperation, ValueError):
        return None
    return amount if amount is not None and amount < MAX_AMOUNT else None


def _one_currency(marks: list[_Mark]) -> str:
    """The currency that all of a number's marks name; "$20 CAD" is no American money, and "$20 €" nobody's."""
    names = {mark.currency for mark in marks}
    if len(names) > 1 and any(mark.text == _BARE_DOLLAR for mark in marks):
        names = {mark.currency for mark in marks if mark.text != _BARE_DOLLAR}
    if not names:
        return ""
    return names.pop() if len(names) == 1 else UNKEPT


def _other_reading(number: re.Match[str], marks: list[_Mark]) -> Decimal | None:
    """A decimal comma or a currency right before says that spaces group the digits; else they may part two numbers."""
    if not number["spaced"] or (number["decimals"] or "").startswith(","):
        return None
    if any(mark.end <= number.start() for mark in marks):
        return None
    return _amount(number[0].rpartition(" ")[2])


def _is_negative(line: str, money: Money, number: re.Match[str]) -> bool:
    for place in (money.start, number.start()):
        sign, before = line[max(0, place - 1) : place], line[max(0, place - 2) : max(0, place - 1)]
        if sign and sign in _MINUS and (not before or before in " (:" or place == number.start() != money.start):
            return True
    return line[money.end : money.end + 1] == "-" and line[money.end + 1 : money.end + 2] in ("", " ")
