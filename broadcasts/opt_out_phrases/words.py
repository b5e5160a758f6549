"""A text as words that can be compared."""

from __future__ import annotations

import unicodedata
from typing import Final

MAX_TEXT: Final = 4096  # characters; WhatsApp's own limit

Words = tuple[str, ...]


def normalize_words(text: str) -> Words:
    """Lower-case words of letters and digits, without accents; "don't" is one word and so is "צה״ל"."""
    letters = []
    for character in unicodedata.normalize("NFKD", text[:MAX_TEXT]).casefold():
        if not is_ignored(character):
            letters.append(character if character.isalnum() else " ")
    return tuple("".join(letters).split())


_IGNORED: Final = frozenset("'’‘ʼ`´\"“”״׳ـ")


def is_ignored(character: str) -> bool:
    """Accents, direction marks, and characters within words: apostrophes, and the dash that stretches Arabic words."""
    return character in _IGNORED or unicodedata.category(character) in ("Mn", "Me", "Cf")
