"""Audiences that come in a request's body: numbers pasted as text, or recipients listed in JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from runs.text import clean

from ..messages import MAX_VARIABLE
from .rows import MAX_COLUMNS, Audience, Row, UnreadableAudience, check_count, clean_column_name

_PASTED_NUMBER: Final = re.compile(r"[^,;\n\r\t]+")


def read_pasted(text: str) -> Audience:
    """Numbers between commas, semicolons, tabs or ends of lines."""

    def iterate_rows() -> Iterator[Row]:
        for count, part in enumerate(_PASTED_NUMBER.finditer(text), start=1):
            check_count(count)
            if phone := part[0].strip():
                yield Row(count, phone, {})

    return Audience([], iterate_rows())


def read_listed(recipients: Sequence[Any]) -> Audience:
    """Numbers, or objects with `phone` and the variables. Raises `UnreadableAudience`."""
    check_count(len(recipients))
    names = (name for each in recipients if isinstance(each, Mapping) for name in each if name != "phone")
    columns = list(dict.fromkeys(filter(None, map(clean_column_name, dict.fromkeys(names)))))
    if len(columns) > MAX_COLUMNS:
        raise UnreadableAudience(_("The recipients have too many variables."))

    def iterate_rows() -> Iterator[Row]:
        for line, each in enumerate(recipients, start=1):
            fields = each if isinstance(each, Mapping) else {"phone": each}
            yield Row(
                line,
                as_text(fields.get("phone")),
                {clean_column_name(name): clean_variable(value) for name, value in fields.items() if name != "phone"},
            )

    return Audience(columns, iterate_rows())


def clean_variable(value: object) -> str:
    return clean(as_text(value).strip(), MAX_VARIABLE)


def as_text(value: object) -> str:
    return "" if value is None else str(value)
