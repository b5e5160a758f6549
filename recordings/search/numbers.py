"""Numbers in a search: how they may be written in a transcript, and telephone numbers by their last digits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import phonenumbers

NUMBER: Final = re.compile("[0-9][0-9,.:-]*")
WHOLE_NUMBER: Final = re.compile("[1-9][0-9]*")
DOMESTIC_NUMBER: Final = re.compile("0[0-9]{8,9}")  # a telephone number as it is dialled within the country
PHONE_DIGITS: Final = range(2, 18)
MIN_SUBSCRIBER_DIGITS: Final = 7  # fewer are an extension, which must match as a whole


def spell_number(word: str) -> Iterator[str]:
    """Yield a number grouped and ungrouped, and with the hyphen of "ב-500", which the database takes for a minus."""
    if not NUMBER.fullmatch(word):
        return
    yield f"-{word}"
    digits = re.sub("[,-]", "", word)
    if DOMESTIC_NUMBER.fullmatch(digits):
        first, middle, last = digits[:-7], digits[-7:-4], digits[-4:]
        yield from (digits, f"-{digits}", f"{first}-{middle}{last}", f"{first}-{middle}-{last}")
    elif WHOLE_NUMBER.fullmatch(digits) and "-" not in word:
        yield from (digits, f"-{digits}", f"{int(digits):,}", f"-{int(digits):,}")


def parse_phone_digits(text: str) -> str | None:
    """The digits of a telephone number, however it is written; None for any other text.

    From `MIN_SUBSCRIBER_DIGITS` on, without the country code and the leading zeros: the end that all spellings share.
    """
    if text.startswith("-") or '"' in text or any(map(str.isalpha, text)):
        return None
    digits = "".join(str(int(character)) for character in text if character.isdecimal())
    if len(digits) not in PHONE_DIGITS:
        return None
    national = strip_country_code(digits)
    return national if len(national) >= MIN_SUBSCRIBER_DIGITS else digits


def strip_country_code(digits: str) -> str:
    try:
        number = phonenumbers.parse(f"+{digits.removeprefix('00')}")
    except phonenumbers.NumberParseException:
        return digits.lstrip("0")
    is_possible = phonenumbers.is_possible_number(number)
    return phonenumbers.national_significant_number(number) if is_possible else digits.lstrip("0")
