"""Texts for people that a worker has written into the database: it doesn't know its readers' languages.

A sentence without values is translated when it is read. One with values is a `StoredMessage`: a reader finds the values
in the text that was stored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext, gettext_noop

# Earlier wordings, which rows still contain. Marked here, or `make messages` would drop their translations.
EARLIER_TEXTS = (
    gettext_noop("The worker died several times in a row on this run."),
    gettext_noop("The worker was lost before it heard the outcome."),
)

_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)([sd])")
_LONGEST: Final = 1000  # characters of a line in which values are looked for
_DEEPEST: Final = 2  # a value may be such a text itself

_messages: list[StoredMessage] = []


class StoredMessage:
    """A sentence with values, `%(name)s` or `%(name)d`, that is stored in English: `MESSAGE % {"name": …}`.

    Make it in a module that the app's models import, so that every process that reads it knows it.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._literals = _PLACEHOLDER.split(text)[::3]
        self._placeholders = _PLACEHOLDER.findall(text)
        _messages.append(self)

    def __mod__(self, values: Mapping[str, Any]) -> str:
        return gettext(self.text) % values  # a worker's language is English; who shows it at once has a reader

    def own_length(self) -> int:
        """How many characters are its own."""
        return sum(map(len, self._literals))

    def find_values(self, stored: str) -> dict[str, str | int] | None:
        """The values of a text that was made from this sentence, or None. Each ends where the next words begin."""
        first, *middle, last = self._literals
        if not (stored.startswith(first) and stored.endswith(last) and len(stored) >= len(first) + len(last)):
            return None
        found = []
        begin, end = len(first), len(stored) - len(last)
        for literal in middle:
            next_literal = stored.find(literal, begin, end)
            if next_literal < 0:
                return None
            found.append(stored[begin:next_literal])
            begin = next_literal + len(literal)
        found.append(stored[begin:end])
        return self._typed(found)

    def _typed(self, found: list[str]) -> dict[str, str | int] | None:
        values: dict[str, str | int] = {}
        for (name, kind), value in zip(self._placeholders, found, strict=True):
            if kind == "d" and not (value.isascii() and value.isdigit()):
                return None
            if values.setdefault(name, int(value) if kind == "d" else value) != value and kind == "s":
                return None  # named twice, with different values
        return values


PROGRAM_FAILED: Final = StoredMessage(gettext_noop("The program failed: %(error)s"))


def explain_exception(error: Exception) -> str:
    """What people read of an error of the program itself."""
    return PROGRAM_FAILED % {"error": str(error) or type(error).__name__}


def translate_stored(text: str) -> str:
    """Lines that have a translation, in the reader's language. Others, such as a provider's, stay as they are."""
    return "\n".join(_translate_line(line) if line else "" for line in text.splitlines())


def _translate_line(line: str, depth: int = 0) -> str:
    translated = gettext(line)
    if translated != line or len(line) > _LONGEST or depth == _DEEPEST:
        return translated
    for message in sorted(_messages, key=StoredMessage.own_length, reverse=True):  # the one that says most of the line
        if (values := message.find_values(line)) is not None:
            inner = {n: _translate_line(v, depth + 1) if isinstance(v, str) else v for n, v in values.items()}
            return gettext(message.text) % inner
    return line
