"""Other forms of Hebrew words: without prefixes, with other endings, and abbreviations with prefixes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Final

# The database has the same three constants, in migration 0004.
PREFIXES: Final = tuple(map("".join, product(("", "ו"), ("", "ש", "כש"), ("", "ה", "ב", "ל", "כ", "מ", "מה"))))
SHORT: Final = 3  # letters
DOUBTFUL: Final = "0"

HEBREW_WORD: Final = re.compile("[א-ת]{2,30}")
ABBREVIATION: Final = re.compile("[א-ת]{1,20}[\"'][א-ת]{1,20}")
# Letters that a word must have left without its prefix. An article is more surely one than a single letter is.
MIN_LEFT_BY_ARTICLE, MIN_LEFT_BY_LETTER = 4, 5
# The first ending that fits counts: the letters that a word with it must have, and what may replace it.
ENDINGS: Final = (
    ("יות", 5, ("ית", "יה", "יית")),
    ("ית", 4, ("יות",)),
    ("יה", 4, ("יות", "יית")),
    ("ות", 5, ("", "ה", "ותים")),
    ("ות", 4, ("ה",)),
    ("ים", 5, ("", "י")),
    ("ים", 4, ("ה",)),
    ("ה", 3, ("ות", "ת")),
    ("י", 4, ("ים",)),
    ("", 3, ("ים", "ות", "י")),
)
# Five letters are written differently at the end of a word.
TO_INNER_LETTER: Final = str.maketrans("ךםןףץ", "כמנפצ")
TO_FINAL_LETTER: Final = str.maketrans("כמנפצ", "ךםןףץ")


def is_hebrew(word: str) -> bool:
    return HEBREW_WORD.fullmatch(word) is not None


def strip_prefixes(word: str) -> Iterator[str]:
    """Yield the word without each prefix that it may have."""
    for prefix in filter(None, PREFIXES):
        least = MIN_LEFT_BY_ARTICLE if prefix.endswith("ה") else MIN_LEFT_BY_LETTER
        if word.startswith(prefix) and len(word) - len(prefix) >= least:
            yield word.removeprefix(prefix)


def replace_ending(word: str) -> list[str]:
    """The word with other endings: singular and plural, masculine and feminine."""
    for ending, least, others in ENDINGS:
        if word.endswith(ending) and len(word) >= least:
            return [join_ending(word.removesuffix(ending), other) for other in others]
    return []


def join_ending(stem: str, ending: str) -> str:
    return stem[:-1] + stem[-1].translate(TO_INNER_LETTER if ending else TO_FINAL_LETTER) + ending


def add_doubtful(forms: list[str]) -> list[str]:
    """The forms, and those that the database stores with the mark of a doubtful word."""
    return [*forms, *(DOUBTFUL + form for form in forms if len(form) <= SHORT and is_hebrew(form))]


def spell_abbreviation(abbreviation: str) -> Iterator[str]:
    """Yield an abbreviation in both spellings of its mark, behind every prefix: the database strips none off it.

    Never without its mark: `עו"ד` would become "עוד".
    """
    for prefix, marks in product(PREFIXES, ("\"'", "״׳")):
        yield prefix + abbreviation.translate(str.maketrans("\"'", marks))
