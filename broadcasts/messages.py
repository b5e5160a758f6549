"""Messages: a text or an approved template, with placeholders that each recipient's variables fill.

Placeholders are written as in Meta's templates: `{{name}}` is the audience's column of that name, `{{1}}` its first
column.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

MAX_TEXT = 4096  # characters; WhatsApp's own limit
MAX_VARIABLE = 1024

_PLACEHOLDER = re.compile(r"{{\s*(\w{1,60})\s*}}")


@dataclass(frozen=True)
class Message:
    """One message, ready to leave. `parameters` are a template's, as (placeholder, value)."""

    to: str  # E.164
    text: str
    template: str = ""
    language: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    tracker: str = ""


@dataclass(frozen=True)
class Text:
    """A text with its placeholders."""

    text: str

    @property
    def placeholders(self) -> list[str]:
        """Each once, in the order of first appearance; placeholders that are all numbers, in numeric order."""
        names = list(dict.fromkeys(_PLACEHOLDER.findall(self.text)))
        return sorted(names, key=int) if all(name.isdecimal() for name in names) else names

    def values(self, variables: Mapping[str, str], columns: Sequence[str]) -> dict[str, str]:
        """The value of each placeholder; empty where the recipient has none."""
        return {name: str(variables.get(column_of(name, columns), "")) for name in self.placeholders}


@dataclass(frozen=True)
class RenderedLength:
    """How long a text is with a recipient's variables, computed without rendering it."""

    fixed: int  # characters outside the placeholders
    uses: Mapping[str, int]  # how often each column is filled in

    @classmethod
    def of(cls, text: str, columns: Sequence[str]) -> Self:
        uses = Counter(column_of(name, columns) for name in _PLACEHOLDER.findall(text))
        return cls(len(_PLACEHOLDER.sub("", text)), uses)

    def with_variables(self, variables: Mapping[str, str]) -> int:
        return self.fixed + sum(times * len(variables.get(name, "")) for name, times in self.uses.items())


def column_of(placeholder: str, columns: Sequence[str]) -> str:
    """The audience's column that fills a placeholder; the placeholder itself if there is no such column."""
    if placeholder in columns or not placeholder.isdecimal():
        return placeholder
    number = int(placeholder)
    return columns[number - 1] if 1 <= number <= len(columns) else placeholder


def columns_of(text: str, columns: Sequence[str]) -> list[str]:
    """The columns that a text needs from every recipient."""
    return [column_of(name, columns) for name in Text(text).placeholders]


def render_text(text: str, variables: Mapping[str, str], columns: Sequence[str]) -> str:
    values = Text(text).values(variables, columns)
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)
