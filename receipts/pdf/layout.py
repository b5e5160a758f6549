"""The lines of a PDF's page, put together from the places of its characters.

pdfium has an order of its own for the text of a page, which is mostly the order of drawing: it parts labels from
amounts where a table was drawn column by column, and moves the quotes and spaces of Hebrew. So only its characters and
their places are used:

1. Each character belongs to a row: those on one baseline that are read in one direction. On most pages all are read
   from left to right; a note in the margin may run upwards, and so does the whole of a turned page.
2. Rows that stand beside each other are one line, though their baselines differ: a small label before a large amount.
3. A line's characters are sorted by place, whichever was drawn first; Hebrew comes out mirrored, as it is drawn. A gap
   is a space; a wide one, as between columns, is two.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from ctypes import CFUNCTYPE, addressof, byref, c_double, c_int, c_void_p, cast, sizeof
from dataclasses import dataclass, field
from itertools import repeat
from math import atan2, cos, degrees, hypot, radians, sin
from operator import attrgetter, itemgetter
from typing import Any, Final

from pypdfium2 import PdfTextPage, raw

# In heights of the font. The words of a line set tightly are 0.15 apart, its letters less.
SPACE: Final = 0.13
WIDE_SPACE: Final = 1.5
# How much of the lower one of two rows must stand beside the other.
BESIDE: Final = 0.6
# The share of its width by which a letter is drawn again, to look bold.
OVERPRINTED: Final = 0.3
# So many dots drawn one after the other lead the eye to what stands at their end, or lie below it.
LEADER: Final = 8
# What of a font's height is below the baseline.
BELOW: Final = 0.2

# A character whose font doesn't say what it means.
UNDECODED: Final = "\ufffd"
_SPACES: Final = frozenset((*b"\t\n\r ", 0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000))
_HYPHEN_AT_LINE_END: Final = 0x02
# Surrogates, private use and what is no character at all.
_MEANINGLESS: Final = frozenset((*range(0xD800, 0xF900), 0xFFFD, 0xFFFE, 0xFFFF))

# Left and right along the line, the height of its font, what it reads as, and when it was drawn.
Character = tuple[float, float, float, str, int]


def _with_numbers(function: Any, *arguments: Any, result: Any = c_int) -> Any:
    """A function of pdfium that takes addresses as numbers: these are called once a character, where it counts."""
    return cast(function, CFUNCTYPE(result, *arguments))


_get_box = _with_numbers(raw.FPDFText_GetLooseCharBox, c_void_p, c_int, c_void_p)
_get_unicode = _with_numbers(raw.FPDFText_GetUnicode, c_void_p, c_int)
_is_undecoded = _with_numbers(raw.FPDFText_HasUnicodeMapError, c_void_p, c_int)
_get_origin = _with_numbers(raw.FPDFText_GetCharOrigin, c_void_p, c_int, c_void_p, c_void_p)
_get_matrix = _with_numbers(raw.FPDFText_GetMatrix, c_void_p, c_int, c_void_p)
_get_font_size = _with_numbers(raw.FPDFText_GetFontSize, c_void_p, c_int, result=c_double)


@dataclass
class _Row:
    """Characters on one baseline. `turn` is their direction in degrees, `y` the baseline's height, turned upright."""

    turn: int
    y: float
    height: float
    characters: list[Character] = field(default_factory=list)

    @property
    def top(self) -> float:
        return self.y + (1 - BELOW) * self.height

    @property
    def bottom(self) -> float:
        return self.y - BELOW * self.height


class _Page:
    """Asks pdfium where the characters of a page are."""

    def __init__(self, page: PdfTextPage, max_characters: int) -> None:
        self._handle = cast(page.raw, c_void_p).value
        self.count = min(page.count_chars(), max_characters)
        self._x, self._y, self._matrix = c_double(), c_double(), raw.FS_MATRIX()

    def boxes(self) -> list[float]:
        """Left, top, right and bottom of each character in turn: its font's height, and as wide as it is set."""
        boxes = (raw.FS_RECTF * self.count)()
        addresses = range(addressof(boxes), addressof(boxes) + sizeof(boxes), sizeof(raw.FS_RECTF))
        deque(map(_get_box, repeat(self._handle), range(self.count), addresses), maxlen=0)  # call it for each
        return list(memoryview(boxes).cast("B").cast("f"))

    def texts(self) -> list[str]:
        codes = map(_get_unicode, repeat(self._handle), range(self.count))
        undecoded = list(map(_is_undecoded, repeat(self._handle), range(self.count)))
        texts = list(map(_Texts().__getitem__, codes))
        if not any(undecoded):
            return texts
        return [UNDECODED if is_undecoded else text for text, is_undecoded in zip(texts, undecoded, strict=True)]

    def place(self, index: int) -> tuple[int, float, float, float]:
        """A character's direction in degrees, where it begins along its baseline, the baseline, its font's height."""
        _get_origin(self._handle, index, byref(self._x), byref(self._y))
        _get_matrix(self._handle, index, byref(self._matrix))
        x, y, right, up = self._x.value, self._y.value, self._matrix.a, self._matrix.b
        size = _get_font_size(self._handle, index) * hypot(right, up)
        turn = round(degrees(atan2(up, right)))
        if not turn:
            return 0, x, y, size
        angle = radians(turn)
        return turn, x * cos(angle) + y * sin(angle), y * cos(angle) - x * sin(angle), size


class _Texts(dict[int, str]):
    """What a code reads as; kept, for a page has many of a few."""

    def __missing__(self, code: int) -> str:
        text = UNDECODED if code in _MEANINGLESS else chr(code)
        self[code] = " " if code in _SPACES else "-" if code == _HYPHEN_AT_LINE_END else text
        return self[code]


def page_lines(text_page: PdfTextPage, max_characters: int) -> Iterator[str]:
    """The lines of a page from top to bottom, as they are drawn; those that few characters share come last."""
    turns: dict[int, list[_Row]] = {}
    for row in _rows(_Page(text_page, max_characters)):
        turns.setdefault(row.turn, []).append(row)
    for turned_alike in sorted(turns.values(), key=_count_characters, reverse=True):
        yield from filter(None, map(_joined, _lines(turned_alike)))


def _count_characters(rows: list[_Row]) -> int:
    return sum(len(row.characters) for row in rows)


def _rows(page: _Page) -> list[_Row]:
    rows: dict[tuple[int, float], _Row] = {}
    row, size, level = _Row(0, 0, 0), 0.0, (0.0, 0.0)
    places = page.boxes()
    for index, (text, left, top, right, bottom) in enumerate(
        zip(page.texts(), places[::4], places[1::4], places[2::4], places[3::4], strict=True)
    ):
        if top == bottom:
            continue  # pdfium made it up: a break that nobody drew
        start, end = left, right
        if row.turn or (top, bottom) != level:
            level = top, bottom
            turn, start, y, size = page.place(index)
            # The box of a character that its font doesn't know begins and ends where its ink does.
            end = start + min(abs(right - left), abs(top - bottom)) if turn else right
            row = rows.setdefault((turn, round(y, 1)), _Row(turn, y, size))
            row.height = min(row.height, size)
        row.characters.append((start, end, size, text, index))
    return list(rows.values())


def _lines(rows: list[_Row]) -> Iterator[list[Character]]:
    """The characters of the rows that stand beside each other, from the top."""
    line: list[Character] = []
    top = bottom = 0.0
    for row in sorted(rows, key=attrgetter("y"), reverse=True):
        shared_top, shared_bottom = min(top, row.top), max(bottom, row.bottom)
        if line and shared_top - shared_bottom >= BESIDE * min(top - bottom, row.height):
            line += row.characters
            top, bottom = shared_top, shared_bottom
            continue
        yield line
        line, top, bottom = [*row.characters], row.top, row.bottom
    yield line


def _joined(line: list[Character]) -> str:
    """One line, with spaces where there are gaps."""
    pieces: list[str] = []
    end, last_start, last_text, last_index = float("-inf"), 0.0, "", 0
    is_spaced = False
    leaders = _leaders(line)
    for start, stop, height, text, index in sorted(line, key=itemgetter(0)):
        if index in leaders:
            continue
        if text == " ":
            is_spaced = True
            continue
        if text == last_text and start - last_start < OVERPRINTED * (stop - start) and abs(index - last_index) > 1:
            continue  # drawn twice to look bold; the two letters of a ligature follow each other
        if pieces and start - end > WIDE_SPACE * height:
            pieces.append("  ")
        elif pieces and (is_spaced or start - end > SPACE * height):
            pieces.append(" ")
        pieces.append(text)
        end, last_start, last_text, last_index = stop if stop > end else end, start, text, index
        is_spaced = False
    return "".join(pieces)


def _leaders(line: list[Character]) -> set[int]:
    """Which characters are dots of a long row of them: in some invoices they are drawn over by the words."""
    leaders: set[int] = set()
    run: list[int] = []
    for index in [*sorted(index for _start, _stop, _height, text, index in line if text == "."), -1]:
        if run and index != run[-1] + 1:
            leaders.update(run if len(run) >= LEADER else ())
            run = []
        run.append(index)
    return leaders
