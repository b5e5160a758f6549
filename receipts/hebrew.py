"""Hebrew as PDFs hold it, put back into reading order.

A PDF is a drawing. Read from left to right, a line of Hebrew comes out mirrored while the
numbers and the Latin words inside it do not; this undoes what the Unicode bidirectional
algorithm did when the line was drawn.
"""

import re

_HEBREW = re.compile(r"[\u0590-\u05ff\ufb1d-\ufb4f]")
_LATIN = re.compile(r"[A-Za-z]")
# Stays left to right inside a Hebrew line: Latin words with what stands between them,
# and numbers with their separators and a sign or symbol that touches them.
_LTR_RUN = re.compile(
    r"[A-Za-z](?:[\w .,:;/@+&'#-]*[A-Za-z0-9])?"
    r"|[$€£₪+-]?\d(?:[\d.,:/-]*\d)?[%$€£₪]?",
    re.ASCII,
)
_HEBREW_RUN = re.compile(
    r"[\u0590-\u05ff\ufb1d-\ufb4f](?:[\u0590-\u05ff\ufb1d-\ufb4f\s\"'׳״.,-]*"
    r"[\u0590-\u05ff\ufb1d-\ufb4f])?"
)
_MIRRORED = str.maketrans("()[]{}<>", ")(][}{><")


def logical_order(text: str) -> str:
    """`text` drawn in visual order, each line in the order in which it is read."""
    if not _HEBREW.search(text):
        return text
    return "\n".join(_logical_line(line) for line in text.split("\n"))


def _logical_line(line: str) -> str:
    hebrew = len(_HEBREW.findall(line))
    if not hebrew:
        return line
    if hebrew < len(_LATIN.findall(line)):
        return _HEBREW_RUN.sub(lambda run: _mirror(run[0]), line)
    return _right_to_left(line)


def _right_to_left(line: str) -> str:
    pieces: list[str] = []
    end = 0
    for run in _LTR_RUN.finditer(line):
        pieces += [_mirror(line[end : run.start()]), run[0]]
        end = run.end()
    pieces.append(_mirror(line[end:]))
    return "".join(reversed(pieces))


def _mirror(text: str) -> str:
    return text[::-1].translate(_MIRRORED)
