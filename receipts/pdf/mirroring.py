"""A drawn line of Hebrew, turned into the order in which it is read."""

from __future__ import annotations

import re
from itertools import cycle

from receipts.pdf.hebrew_spans import find_left_to_right_spans

_BRACKETS = re.compile(r"[()]")
_BALANCED = re.compile(r"(?:[^()]*\([^()]*\))*[^()]*")
_MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")


def reverse_line(line: str) -> str:
    pieces: list[str] = []
    end = 0
    for start, stop in find_left_to_right_spans(line):
        pieces += [mirror_text(line[end:start]), _move_sign_first(line[start:stop])]
        end = stop
    pieces.append(mirror_text(line[end:]))
    return "".join(reversed(pieces))


def _move_sign_first(span: str) -> str:
    return span[-1] + span[:-1] if span[-1] in "+-" else span


def restore_brackets(line: str) -> str:
    """Programs that forget to mirror brackets, and readers that mirror them once more, leave ")a(" for "(a)"."""
    parts = _BRACKETS.split(line)
    if len(parts) % 2 == 0 or _BALANCED.fullmatch(line):
        return line
    return "".join(part + bracket for part, bracket in zip(parts, cycle("()"), strict=False))[:-1]


def mirror_text(text: str) -> str:
    return text[::-1].translate(_MIRRORED)
