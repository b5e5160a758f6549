"""The phrases of `receipts.extraction.languages` as patterns, and the labels found by them in a line.

Text is folded first: without accents, in lower case, as long as it was. Each pattern is a tree of its phrases, so
that their shared beginnings are tried once, and only where a word starts.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from receipts.extraction.languages import phrases

__all__ = ["Label", "Labels", "any_of", "fold", "phrases"]

Prefixed = tuple[str, str]


def _without_accent(character: str) -> str:
    base = unicodedata.normalize("NFD", character)[0]
    return base if base.isascii() else character


_UNACCENTED: Final = {code: _without_accent(chr(code)) for code in range(0xC0, 0x250)} | {ord("’"): "'"}
# What a space and a star of a phrase stand for.
_SPACE: Final = "[ /-]{0,3}"
_REST: Final = r"\w{0,20}"


def fold(text: str) -> str:
    """`text` without accents and in lower case, every character in its old place."""
    if text.isascii():
        return text.lower()
    plain = text.translate(_UNACCENTED)
    lowered = plain.lower()
    return lowered if len(lowered) == len(plain) else plain


def any_of(prefixed: Iterable[Prefixed]) -> str:
    """The source of a pattern for any of the phrases, as whole words; the longest that fits wins."""
    trees: dict[str, _Tree] = {}
    for prefix, phrase in prefixed:
        trees.setdefault(prefix, _Tree()).add(phrase)
    branches = "|".join(prefix + tree.pattern() for prefix, tree in trees.items())
    return rf"(?<!\w)(?:{branches})(?!\w)"


@cache
def _piece(character: str) -> str:
    return {" ": _SPACE, "*": _REST}.get(character, re.escape(character))


class _Tree:
    """A trie of phrases."""

    def __init__(self) -> None:
        self.is_end = False
        self.branches: dict[str, _Tree] = {}

    def add(self, phrase: str) -> None:
        tree = self
        for character in fold(phrase):
            tree = tree.branches.setdefault(_piece(character), _Tree())
        tree.is_end = True

    def pattern(self) -> str:
        if not self.branches:
            return ""
        branches = [piece + tree.pattern() for piece, tree in self.branches.items()]
        if len(branches) == 1 and not self.is_end:
            return branches[0]
        return f"(?:{'|'.join(branches)})" + ("?" if self.is_end else "")


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
            fitting = ((kind, pattern.match(folded, place.start())) for kind, pattern in self._kinds.items())
            kind, position = max(((kind, fit.end()) for kind, fit in fitting if fit), key=lambda fit: fit[1])
            yield kind, place.start(), position
