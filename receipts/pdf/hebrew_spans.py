"""The spans of a line of Hebrew that are read from left to right: numbers and Latin words."""

from __future__ import annotations

import re
from collections.abc import Iterator

LATIN = re.compile(r"[A-Za-z]")
# What holds together between spaces and Hebrew.
_CHUNK = re.compile(r"[^\s\u0590-\u05ff\ufb1d-\ufb4f]+")
# From a word's first letter or digit to its last.
_WORD = re.compile(r"[^\W_](?:.*[^\W_])?")
_NUMBER = re.compile(r"[$€£₪%#]?[+-]?[$€£₪]?\d(?:[\d.,:/'-]*\d)?[%$€£₪]*", re.ASCII)
_JOINS = frozenset(" .,:;/@+&'#-")


def find_left_to_right_spans(line: str) -> Iterator[tuple[int, int]]:
    """Where something is read from the left: words and numbers."""
    begun: tuple[int, int] | None = None  # a span with Latin letters, which may take more
    for chunk in _CHUNK.finditer(line):
        for start, stop, is_word in _find_words_and_numbers(line, chunk):
            if begun and _may_join_spans(line[begun[1] : start]):
                begun = begun[0], stop
                continue
            if begun:
                yield begun
            begun = (start, stop) if is_word else None
            if not is_word:
                yield start, stop
    if begun:
        yield begun


def _find_words_and_numbers(line: str, chunk: re.Match[str]) -> Iterator[tuple[int, int, bool]]:
    """The word in a chunk, or its numbers: where they start and stop, and whether it is a word."""
    word = _WORD.search(line, *chunk.span())
    if word and LATIN.search(word[0]):
        yield *word.span(), True
        return
    for number in _NUMBER.finditer(line, *chunk.span()):
        start, stop = number.span()
        if line[start] in "+-" and start and line[start - 1].strip(" ()"):
            start += 1  # a hyphen, as in "5-ב" and "10%-50%", is no sign
        elif line[stop : stop + 1] in ("-", "+") and not line[stop + 1 : stop + 2].strip():
            stop += 1  # the algorithm sets the sign of a number behind it
        yield start, stop, False


def _may_join_spans(between: str) -> bool:
    return "  " not in between and _JOINS.issuperset(between)
