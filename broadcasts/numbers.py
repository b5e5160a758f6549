"""Phone numbers as people write them."""

from __future__ import annotations

import re

import phonenumbers

REGIONS = phonenumbers.SUPPORTED_REGIONS
_E164 = phonenumbers.PhoneNumberFormat.E164
# Of a number that a spreadsheet or JSON took for one to calculate with: its ".0" would be read as one digit more.
_DECIMALS = re.compile(r"(?<=\d{6})\.0+$")


def to_e164(written: str, country: str) -> str | None:
    """`+972502345678` for `050-2345678` in Israel; `country` is for numbers without one. None for an invalid number."""
    text = _DECIMALS.sub("", written.strip())
    if text.startswith("00"):  # the prefix that is dialled
        text = f"+{text[2:]}"
    try:
        number = phonenumbers.parse(text, country)
        is_valid = phonenumbers.is_valid_number(number)
        if not is_valid and text.isdecimal():
            number = phonenumbers.parse(f"+{text}")  # spreadsheets drop the plus
            is_valid = phonenumbers.is_valid_number(number)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, _E164) if is_valid else None


# WhatsApp writes some mobile numbers differently from people: Mexico's with a 1, Brazil's older ones without their
# first 9, Argentina's with a 9. Of these, Argentina's alone are valid numbers in both forms.
_WHATSAPP_FORMS = (
    (re.compile(r"\+521(\d{10})"), r"+52\1"),
    (re.compile(r"\+55(\d\d)([6-9]\d{7})"), r"+55\g<1>9\2"),
    (re.compile(r"\+549(\d{10})"), r"+54\1"),
)
_WITHOUT_9 = re.compile(r"\+54([1-8]\d{9})")
_WA_ID = re.compile(r"\d{6,15}", re.ASCII)


def find_numbers(wa_id: str) -> set[str]:
    """The numbers under which an audience may contain WhatsApp's `wa_id`; itself if none of them is valid."""
    if not _WA_ID.fullmatch(wa_id):
        return set()
    written = f"+{wa_id}"
    forms = (written, find_short_form(written), _WITHOUT_9.sub(r"+549\1", written))
    return {valid for each in forms if (valid := to_e164(each, "ZZ"))} or {written}


def find_short_form(phone: str) -> str:
    """The same for every form of one person's number."""
    for pattern, form in _WHATSAPP_FORMS:
        if pattern.fullmatch(phone):
            return pattern.sub(form, phone)
    return phone
