"""Characters that can't be stored, looked for in whatever strangers send before anything reads it.

NUL has no place in PostgreSQL's text, and half of a surrogate pair none in UTF-8: a query or an answer that
holds one of them raises wherever it happens to be sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.core.validators import ProhibitNullCharactersValidator
from django.utils.datastructures import MultiValueDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Unstorable:
    """Where such a character stands: the field's name, dotted where it lies deeper; empty for no field at all."""

    field: str
    character: str

    @property
    def code(self) -> str:
        return ProhibitNullCharactersValidator.code if self.character == "\x00" else "parse_error"

    @property
    def message(self) -> str | Promise:
        if self.character == "\x00":
            return ProhibitNullCharactersValidator.message
        return _("The JSON holds half of a character.")  # forms and addresses are decoded to whole ones


def is_storable(text: str) -> bool:
    return _UNSTORABLE.search(text) is None


def find_unstorable(value: Any) -> Unstorable | None:
    """The first such character in a value as JSON knows them, names included. Whatever isn't text is passed over.

    As many calls deep as the value is nested: bound that first.
    """
    if isinstance(value, str):
        found = _UNSTORABLE.search(value)
        return Unstorable("", found[0]) if found else None
    if isinstance(value, MultiValueDict):  # a form: a name may come with several values
        return find_in_fields((name, each) for name, values in value.lists() for each in values)
    if isinstance(value, Mapping):
        return find_in_fields(value.items())
    if isinstance(value, list):
        return find_in_fields((str(place), member) for place, member in enumerate(value))
    return None


def find_in_fields(fields: Iterable[tuple[str, Any]]) -> Unstorable | None:
    """The same for names with their values; a bad name is told with a mark in the character's place."""
    for name, value in fields:
        if found := _UNSTORABLE.search(name):
            return Unstorable(_UNSTORABLE.sub("\ufffd", name), found[0])
        if deeper := find_unstorable(value):
            return Unstorable(f"{name}.{deeper.field}" if deeper.field else name, deeper.character)
    return None


def is_nested_deeper(value: Any, levels: int) -> bool:
    """Without a call a level: what is nested without end must not end the process that looks at it."""
    holders = [value]
    for _level in range(levels):
        members = (member for holder in holders for member in _members_of(holder))
        holders = [member for member in members if isinstance(member, dict | list)]
        if not holders:
            return False
    return True


def _members_of(holder: Any) -> Iterable[Any]:
    if isinstance(holder, dict):
        return holder.values()
    return holder if isinstance(holder, list) else ()
