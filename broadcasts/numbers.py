"""Phone numbers as people write them."""

from __future__ import annotations

import phonenumbers

REGIONS = phonenumbers.SUPPORTED_REGIONS
_E164 = phonenumbers.PhoneNumberFormat.E164


def e164(written: str, country: str) -> str | None:
    """`+972502345678` for what was written, as in `country` where it names none; None for no number."""
    text = written.strip()
    if text.startswith("00"):  # as it is dialled
        text = f"+{text[2:]}"
    try:
        number = phonenumbers.parse(text, country)
        is_valid = phonenumbers.is_valid_number(number)
        if not is_valid and text.isdecimal():
            number = phonenumbers.parse(f"+{text}")  # spreadsheets swallow the plus
            is_valid = phonenumbers.is_valid_number(number)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, _E164) if is_valid else None
