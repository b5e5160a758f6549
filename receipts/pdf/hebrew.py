"""Hebrew as PDFs hold it, put back into reading order.

A PDF is a drawing. Read from left to right, a line of Hebrew comes out mirrored while the numbers and the Latin words
inside it do not; this undoes what the Unicode bidirectional algorithm did when the line was drawn.

1. A line with Hebrew is read from the right, unless it and the whole text are mostly Latin: then only its runs of
   Hebrew are. A colon to the left of a Hebrew word says that even such a line is read from the right.
2. In what is read from the right, words with Latin letters and numbers keep their order: each is one span. A Latin word
   takes what follows it after one space into its span, as the algorithm does.
3. The spans and the pieces between them are put in the opposite order, and the pieces between them are mirrored.

Two spaces or more are a gap between columns: nothing is joined over it.
"""

from __future__ import annotations

import re

from receipts.pdf.hebrew_spans import LATIN
from receipts.pdf.mirroring import restore_brackets, reverse_line

_LETTER = r"[\u0590-\u05ff\ufb1d-\ufb4f]"
_HEBREW = re.compile(_LETTER)
_LABEL = re.compile(rf"(?<!\S):(?={_LETTER})")
# Hebrew in a Latin line, with the numbers and marks between its words.
_HEBREW_RUN = re.compile(rf"{_LETTER}(?:(?:{_LETTER}|[\d\"'׳״.,:/%₪-]| (?! ))*{_LETTER})?")


def to_logical_order(text: str) -> str:
    """`text` drawn in visual order, each line in the order in which it is read."""
    if not _HEBREW.search(text):
        return text
    is_latin = len(_HEBREW.findall(text)) < len(LATIN.findall(text))
    return "\n".join(_line_to_logical_order(line, in_latin_text=is_latin) for line in text.split("\n"))


def _line_to_logical_order(line: str, *, in_latin_text: bool) -> str:
    hebrew = len(_HEBREW.findall(line))
    if not hebrew:
        return line
    line = restore_brackets(line)
    if in_latin_text and hebrew < len(LATIN.findall(line)) and not _LABEL.search(line):
        return _HEBREW_RUN.sub(lambda run: reverse_line(run[0]), line)
    return reverse_line(line)
