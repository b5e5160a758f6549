"""Hebrew as PDFs hold it, put back into reading order.

A PDF is a drawing. Read from left to right, a line of Hebrew comes out mirrored while the numbers and the Latin words
inside it do not; this undoes what the Unicode bidirectional algorithm did when the line was drawn.

1. A line with Hebrew is read from the right, unless it and the whole text are mostly Latin: then only its runs of
   Hebrew are. A colon to the left of a Hebrew word says that even such a line is read from the right.
2. In what is read from the right, words with Latin letters and numbers keep their order: each is one span. A Latin word
   takes what follows it after one space into its span, as the algorithm does.
3. The spans and what stands between them are put in the opposite order, and what stands between them is mirrored.

Two spaces or more are a gap between columns: nothing is joined over it.
"""

import re
from collections.abc import Iterator
from itertools import cycle

_LETTER = r"[\u0590-\u05ff\ufb1d-\ufb4f]"
_HEBREW = re.compile(_LETTER)
_LATIN = re.compile(r"[A-Za-z]")
# What holds together between spaces and Hebrew.
_CHUNK = re.compile(r"[^\s\u0590-\u05ff\ufb1d-\ufb4f]+")
# From a word's first letter or digit to its last.
_WORD = re.compile(r"[^\W_](?:.*[^\W_])?")
_NUMBER = re.compile(r"[$€£₪%#]?[+-]?[$€£₪]?\d(?:[\d.,:/'-]*\d)?[%$€£₪]*", re.ASCII)
_LABEL = re.compile(rf"(?<!\S):(?={_LETTER})")
_JOINS = frozenset(" .,:;/@+&'#-")
# Hebrew in a Latin line, with the numbers and marks between its words.
_HEBREW_RUN = re.compile(rf"{_LETTER}(?:(?:{_LETTER}|[\d\"'׳״.,:/%₪-]| (?! ))*{_LETTER})?")
_BRACKETS = re.compile(r"[()]")
_BALANCED = re.compile(r"(?:[^()]*\([^()]*\))*[^()]*")
_MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")


def logical_order(text: str) -> str:
    """`text` drawn in visual order, each line in the order in which it is read."""
    if not _HEBREW.search(text):
        return text
    is_latin = len(_HEBREW.findall(text)) < len(_LATIN.findall(text))
    return "\n".join(_logical_line(line, in_latin_text=is_latin) for line in text.split("\n"))


def _logical_line(line: str, *, in_latin_text: bool) -> str:
    hebrew = len(_HEBREW.findall(line))
    if not hebrew:
        return line
    line = _with_brackets_drawn(line)
    if in_latin_text and hebrew < len(_LATIN.findall(line)) and not _LABEL.search(line):
        return _HEBREW_RUN.sub(lambda run: _right_to_left(run[0]), line)
    return _right_to_left(line)


def _right_to_left(line: str) -> str:
    pieces: list[str] = []
    end = 0
    for start, stop in _spans(line):
        pieces += [_mirror(line[end:start]), _sign_first(line[start:stop])]
        end = stop
    pieces.append(_mirror(line[end:]))
    return "".join(reversed(pieces))


def _spans(line: str) -> Iterator[tuple[int, int]]:
    """Where something is read from the left: words and numbers."""
    begun: tuple[int, int] | None = None  # a span with Latin letters, which may take more
    for chunk in _CHUNK.finditer(line):
        for start, stop, is_word in _cores(line, chunk):
            if begun and _joins(line[begun[1] : start]):
                begun = begun[0], stop
                continue
            if begun:
                yield begun
            begun = (start, stop) if is_word else None
            if not is_word:
                yield start, stop
    if begun:
        yield begun


def _cores(line: str, chunk: re.Match[str]) -> Iterator[tuple[int, int, bool]]:
    """The word in a chunk, or its numbers: where they start and stop, and whether it is a word."""
    word = _WORD.search(line, *chunk.span())
    if word and _LATIN.search(word[0]):
        yield *word.span(), True
        return
    for number in _NUMBER.finditer(line, *chunk.span()):
        start, stop = number.span()
        if line[start] in "+-" and start and line[start - 1].strip(" ()"):
            start += 1  # a hyphen, as in "5-ב" and "10%-50%", is no sign
        elif line[stop : stop + 1] in ("-", "+") and not line[stop + 1 : stop + 2].strip():
            stop += 1  # the algorithm sets the sign of a number behind it
        yield start, stop, False


def _joins(between: str) -> bool:
    return "  " not in between and _JOINS.issuperset(between)


def _sign_first(span: str) -> str:
    return span[-1] + span[:-1] if span[-1] in "+-" else span


def _with_brackets_drawn(line: str) -> str:
    """Programs that forget to mirror brackets, and readers that mirror them once more, leave ")a(" for "(a)"."""
    parts = _BRACKETS.split(line)
    if len(parts) % 2 == 0 or _BALANCED.fullmatch(line):
        return line
    return "".join(part + bracket for part, bracket in zip(parts, cycle("()"), strict=False))[:-1]


def _mirror(text: str) -> str:
    return text[::-1].translate(_MIRRORED)
