"""Numbers as people read and write them."""

from math import floor, log10
from typing import Final

from django.utils.formats import number_format

LARGEST_ID: Final = 2**63 - 1


def format_number(number: float) -> str:
    """In groups of three digits; with a digit after the point only where it isn't whole and below a hundred."""
    if isinstance(number, int) and 0 <= number < 1000:
        return str(number)  # lists show many of them, and Django looks up formats for each
    digits = 0 if isinstance(number, int) or number >= 100 else 1
    return number_format(number, digits, use_l10n=True, force_grouping=True)


def format_rate(rate: float) -> str:
    """To two significant digits, as cards write it: with a fixed number of digits a slow run would have no speed."""
    return number_format(round_to_two_digits(rate), use_l10n=True, force_grouping=True)


def format_percent(percent: float) -> str:
    return f"{number_format(percent, 0 if percent in (0, 100) else 1, use_l10n=True)}%"


def round_to_two_digits(number: float) -> float | int:
    rounded = round(number, 1 - floor(log10(abs(number)))) if number else 0.0
    return int(rounded) if rounded == int(rounded) else rounded


def parse_row_id(text: str) -> int | None:
    """None for a text that can't be the id of a row.

    The length is checked first: Python refuses to read a number of thousands of digits.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_ID))):
        return None
    return number if (number := int(text)) <= LARGEST_ID else None
