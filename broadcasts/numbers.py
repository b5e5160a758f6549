"""Phone numbers as people write them."""

from __future__ import annotations

import re

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


# WhatsApp writes some mobile numbers otherwise than people do: Mexico's with a 1, Brazil's older ones without their
# first 9, Argentina's with a 9.
_WRITTEN_OTHERWISE = (
    (re.compile(r"\+521(\d{10})"), r"+52\1"),
    (re.compile(r"\+55(\d\d)([6-9]\d{7})"), r"+55\g<1>9\2"),
    (re.compile(r"\+549(\d{10})"), r"+54\1"),
)
_WA_ID = re.compile(r"\d{6,15}", re.ASCII)


def numbers_of(wa_id: str) -> set[str]:
    """As which numbers an audience may hold WhatsApp's `wa_id`; itself, where none of them is valid."""
    if not _WA_ID.fullmatch(wa_id):
        return set()
    written = f"+{wa_id}"
    others = (pattern.sub(form, written) for pattern, form in _WRITTEN_OTHERWISE if pattern.fullmatch(written))
    return {valid for each in (written, *others) if (valid := e164(each, "ZZ"))} or {written}
