"""The phrases of `receipts.extraction.languages` as patterns, and the labels found by them in a line.

Text is folded first: without accents, in lower case, as long as it was. Each pattern is a tree of its phrases, so
that their shared beginnings are tried once, and only where a word starts.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from receipts.extraction.languages import phrases

__all__ = ["Label", "Labels", "any_of", "fold", "phrases"]

Prefixed = tuple[str, str]


def _without_accent(character: str) -> str:
    base = unicodedata.normalize("NFD", character)[0]
    return base if base.isascii() else character


_UNACCENTED: Final = {code: _without_accent(chr(code)) for code in range(0xC0, 0x250)} | {ord("’"): "'"}
_ACCENTED = re.compile("[\u00c0-\u024f\u2019]")
# What a space and a star of a phrase stand for.
_SPACE: Final = "[ /-]{0,3}"
_REST: Final = r"\w{0,20}"


def fold(text: str) -> str:
    """`text` without accents and in lower case, every character in its old place."""
    if text.isascii():
        return text.lower()
    plain = text.translate(_UNACCENTED) if _ACCENTED.search(text) else text
    lowered = plain.lower()
    return lowered if len(lowered) == len(plain) else plain


def any_of(prefixed: Iterable[Prefixed]) -> str:
    """The source of a pattern for any of the phrases, as whole words; the longest that fits wins."""
    by_prefix: dict[str, dict[str, None]] = {}
    for prefix, phrase in prefixed:
        by_prefix.setdefault(prefix, {})[fold(phrase)] = None
    branches = "|".join(prefix + _tree(list(phrases)) for prefix, phrases in by_prefix.items())
    return rf"(?<!\w)(?:{branches})(?!\w)"


class _Pieces(dict[int, str]):
    """What stands in a pattern for a character of a phrase."""

    def __missing__(self, code: int) -> str:
        self[code] = re.escape(chr(code))
        return self[code]


_PIECES: Final = _Pieces({ord(" "): _SPACE, ord("*"): _REST})


def _tree(phrases: Sequence[str]) -> str:
    """The pattern of different phrases, by their first character and what may follow it; one of them may be empty."""
    if len(phrases) == 1:
        return phrases[0].translate(_PIECES)
    followers: dict[str, list[str]] = {}
    for phrase in filter(None, phrases):
        followers.setdefault(phrase[0], []).append(phrase[1:])
    branches = [first.translate(_PIECES) + _tree(rest) for first, rest in followers.items()]
    is_end = "" in phrases
    if len(branches) == 1 and not is_end:
        return branches[0]
    return f"(?:{'|'.join(branches)})" + ("?" if is_end else "")


@dataclass(frozen=True)
class Label:
    """A label in a line. `reach` is where the next label starts, and so where this one's value ends."""

    kind: str
    start: int
    end: int
    reach: int


class Labels:
    """Labels of several kinds. Where two kinds fit one place, the longer phrase says which it is, then their order."""

    def __init__(self, **kinds: Iterable[Prefixed]) -> None:
        known = {kind: list(prefixed) for kind, prefixed in kinds.items()}
        self._kinds = {kind: re.compile(any_of(prefixed)) for kind, prefixed in known.items()}
        self.pattern = re.compile(any_of(phrase for prefixed in known.values() for phrase in prefixed))

    def find(self, folded: str) -> Sequence[Label]:
        """The labels in a folded line, from left to right."""
        if self.pattern.search(folded) is None:
            return ()  # most lines, of which a mail has many
        found = list(self._places(folded))
        reaches = [*(start for _kind, start, _end in found[1:]), len(folded)]
        return [Label(*place, reach) for place, reach in zip(found, reaches, strict=False)]

    def _places(self, folded: str) -> Iterator[tuple[str, int, int]]:
        position = 0
        while place := self.pattern.search(folded, position):
            start, named = place.start(), ""
            for kind, pattern in self._kinds.items():
                fit = pattern.match(folded, start)
                if fit and (not named or fit.end() > position):
                    named, position = kind, fit.end()
            yield named, start, position
