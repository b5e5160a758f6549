"""Find characters that can't be stored in untrusted input, before anything else reads it.

PostgreSQL's text can't contain NUL, and UTF-8 no lone surrogate: a query or a response with one of them would raise
wherever it is sent.
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
    """Where such a character is: the field's name, dotted for a nested one, empty for none."""

    field: str
    character: str

    @property
    def code(self) -> str:
        return ProhibitNullCharactersValidator.code if self.character == "\x00" else "parse_error"

    @property
    def message(self) -> str | Promise:
        if self.character == "\x00":
            return ProhibitNullCharactersValidator.message
        return _("The JSON contains an incomplete character.")  # forms and addresses can't contain lone surrogates


def is_storable(text: str) -> bool:
    return _UNSTORABLE.search(text) is None


def find_unstorable(value: Any) -> Unstorable | None:
    """The first such character in a JSON value, names of fields included. Values that aren't text are skipped.

    Recursive: bound the nesting first (`is_nested_deeper`).
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
    """The same for names with their values. In a bad name the character is shown as U+FFFD."""
    for name, value in fields:
        if found := _UNSTORABLE.search(name):
            return Unstorable(_UNSTORABLE.sub("\ufffd", name), found[0])
        if deeper := find_unstorable(value):
            return Unstorable(f"{name}.{deeper.field}" if deeper.field else name, deeper.character)
    return None


def is_nested_deeper(value: Any, levels: int) -> bool:
    """Without recursion, which untrusted nesting could exhaust."""
    level = [value]
    for _depth in range(levels):
        members = (member for container in level for member in _members_of(container))
        level = [member for member in members if isinstance(member, dict | list)]
        if not level:
            return False
    return True


def _members_of(container: Any) -> Iterable[Any]:
    if isinstance(container, dict):
        return container.values()
    return container if isinstance(container, list) else ()
