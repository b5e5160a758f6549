"""What somebody searches for: parsed to terms, and made into queries. See the package's docstring."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import chain, islice
from operator import and_, or_
from typing import Final

from django.contrib.postgres.search import SearchQuery, SearchQueryCombinable

from .hebrew import ABBREVIATION, PREFIXES, add_doubtful, is_hebrew, replace_ending, spell_abbreviation, strip_prefixes
from .numbers import spell_number
from .tsquery import any_group, any_word, make_queries, make_query, quote_words

MAX_SEARCH_LENGTH: Final = 200  # characters
MAX_HIGHLIGHTED_FORMS: Final = 500
TERM: Final = re.compile(r'-*"[^"]*"?|\S+')
# Keyboards and telephones write quotes, gereshayim and the maqaf in many ways, and texts with vowel points are pasted.
TYPOGRAPHY: Final = str.maketrans("“”„״‘’׳־", '""""\'\'\'-')
VOWEL_POINTS: Final = re.compile("[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]")
HEBREW_HYPHEN: Final = re.compile("(?<=[א-ת])-(?=[א-ת])")


@dataclass(frozen=True)
class Term:
    """A word, or words in quotes; with `missing`, a call must not have them."""

    words: str
    quoted: bool = False
    missing: bool = False

    def list_forms(self) -> list[str]:
        if self.quoted:
            return [self.words]
        if is_hebrew(self.words):
            bases = [self.words, *strip_prefixes(self.words)]
            return [*bases, *chain.from_iterable(map(replace_ending, bases))]
        if ABBREVIATION.fullmatch(self.words):
            return [*spell_abbreviation(self.words)]
        return [self.words, *spell_number(self.words)]

    def to_expression(self) -> str:
        """For `to_tsquery`: any of the words that the database may have stored for the term."""
        phrase = self.words.split()
        if self.quoted and all(map(is_hebrew, phrase)):
            return f"({' <-> '.join(any_word(add_doubtful([word])) for word in phrase)})"
        return any_word([self.words] if self.quoted else add_doubtful(self.list_forms()))

    def transcript_forms(self) -> Iterator[str]:
        """Yield the term as a transcript may have it, to highlight it there."""
        for form in self.list_forms():
            yield from (prefix + form for prefix in PREFIXES) if is_hebrew(form) else (form,)


@dataclass(frozen=True)
class Search:
    """A call matches if it has all terms of any group, and none of the missing ones."""

    groups: tuple[tuple[Term, ...], ...]
    missing: tuple[Term, ...]

    @classmethod
    def parse(cls, text: str) -> Search:
        """“In quotes” is a phrase, a minus is before what must be missing, `or` is between groups."""
        groups: list[list[Term]] = [[]]
        terms = list(split_terms(VOWEL_POINTS.sub("", text[:MAX_SEARCH_LENGTH]).translate(TYPOGRAPHY)))
        for term in terms:
            if term.words.lower() == "or" and not term.quoted:
                groups.append([])
            elif not term.missing:
                groups[-1].append(term)
        return cls(tuple(map(tuple, filter(None, groups))), tuple(term for term in terms if term.missing))

    def __bool__(self) -> bool:
        return bool(self.groups or self.missing)

    @property
    def is_one_word(self) -> bool:
        """Also for the database, which makes several words of `דו"ח` and `12:30`."""
        terms = [*chain.from_iterable(self.groups), *self.missing]
        return len(terms) == 1 and terms[0].words.isalnum() and not (terms[0].quoted or terms[0].missing)

    def certain_query(self) -> SearchQueryCombinable:
        return reduce(and_, [*self._written_queries(), *self._exclusions()])

    def likely_query(self) -> SearchQueryCombinable | None:
        """Finds what `certain_query` doesn't; None if there is nothing more to find."""
        if not self.groups:
            return None
        [certain], likely = self._written_queries(), self._form_queries()
        if likely == [certain]:
            return None
        return reduce(and_, [reduce(or_, likely), ~certain, *self._exclusions()])

    def highlight_query(self) -> SearchQueryCombinable:
        """Matches the words in a transcript that a snippet marks."""
        terms = list(chain.from_iterable(self.groups))
        forms = islice(chain.from_iterable(term.transcript_forms() for term in terms), MAX_HIGHLIGHTED_FORMS)
        return reduce(or_, make_queries(any_word(forms), any_word(term.words for term in terms)))

    @property
    def _written_expression(self) -> str:
        return any_group([[quote_words(term.words) for term in group] for group in self.groups])

    def _written_queries(self) -> list[SearchQuery]:
        """The query for the words as they are written; none if the search only excludes."""
        return [make_query(self._written_expression)] if self.groups else []

    def _form_queries(self) -> list[SearchQuery]:
        """A query for each language, for all forms of the words; none if the search only excludes."""
        forms = any_group([[term.to_expression() for term in group] for group in self.groups])
        return make_queries(forms, self._written_expression) if self.groups else []

    def _exclusions(self) -> list[SearchQuery]:
        if not self.missing:
            return []
        forms = " | ".join(term.to_expression() for term in self.missing)
        return [~query for query in make_queries(forms, any_word(term.words for term in self.missing))]


def split_terms(text: str) -> Iterator[Term]:
    is_missing = False
    for match in TERM.finditer(text):
        words = match[0].lstrip("-")
        is_missing = is_missing or words != match[0]
        if not words:
            continue  # a minus that stands alone belongs to the next term
        if any(map(str.isalnum, words)):
            unquoted = HEBREW_HYPHEN.sub(" ", words.strip('"'))
            yield Term(unquoted, quoted=words.startswith('"') or " " in unquoted, missing=is_missing)
        is_missing = False
