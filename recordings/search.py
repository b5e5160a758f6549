"""How calls are found by what is said in them, by PostgreSQL alone.

1. The database keeps the words of every transcript (`Call.search`, by the function `recordings_words` of migration
   0004): the stem of each, as the call's language has it, and of a Hebrew word also what stands behind its prefixes.
   A call in which "מהמרפאה" is said holds "מרפאה" too, at the same place, so that phrases are found. Stop words stay.
2. What remains of a Hebrew word may be another word by chance: "מספר" holds "ספר". The shorter it is the likelier, so
   up to `SHORT` letters it is kept with a mark (`DOUBTFUL`) and found in the second place only.
3. What somebody looks for is read twice. `certain`: the words as they are written, by their stem. `likely`: also with
   other endings, without prefixes of their own, by doubtful words, and as other languages of the script stem them.

No established stemmer knows Hebrew without a dictionary on the database's machine or a language model, hence the
tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import chain, islice, product
from operator import and_, or_
from typing import Final

import phonenumbers
from django.contrib.postgres.search import SearchQuery, SearchQueryCombinable
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from .channels import name_speakers

LONGEST_SEARCH: Final = 200  # characters
# The database's configuration for each language; for calls in any other, and for Hebrew, it is that of English.
CONFIG: Final = "recordings_{}"
ENGLISH: Final = "en"
SCRIPTS: Final = (
    (re.compile("[a-zà-ɏ]", re.IGNORECASE), ("de", "es", "fr", "it", "nl", "pt")),
    (re.compile("[а-яё]", re.IGNORECASE), ("ru",)),
    (re.compile("[\u0620-\u064a]"), ("ar",)),
)

# Migration 0004 has the same in the database.
PREFIXES: Final = tuple(map("".join, product(("", "ו"), ("", "ש", "כש"), ("", "ה", "ב", "ל", "כ", "מ", "מה"))))
SHORT: Final = 3  # letters
DOUBTFUL: Final = "0"

HEBREW: Final = re.compile("[א-ת]{2,30}")
# A word that begins like a prefix is also looked for without it; an article is surer to be one than a single letter.
LEFT_BY_ARTICLE, LEFT_BY_LETTER = 4, 5  # letters, at least
# The first ending that fits, the letters that a word must have for it, and what may stand instead.
ENDINGS: Final = (
    ("יות", 5, ("ית",)),
    ("ית", 4, ("יות",)),
    ("ות", 5, ("", "ה")),
    ("ים", 5, ("", "י")),
    ("ה", 4, ("ות", "ת")),
    ("י", 4, ("ים",)),
    ("", 3, ("ים", "ות")),
)
INSIDE: Final = str.maketrans("ךםןףץ", "כמנפצ")
AT_THE_END: Final = str.maketrans("כמנפצ", "ךםןףץ")
MARKS: Final = ("\ue000", "\ue001")  # around what was searched for in a snippet, until `marked` makes markup of them
MOST_MARKED: Final = 500  # forms

_TERM: Final = re.compile(r'-*"[^"]*"?|\S+')
NUMBER_DIGITS: Final = range(2, 18)
WHOLE_NUMBER: Final = 7  # digits of one that names its subscriber; fewer are an extension


@dataclass(frozen=True)
class Term:
    """A word, or words in quotes; `missing` if they must not be said."""

    words: str
    quoted: bool = False
    missing: bool = False

    def forms(self) -> list[str]:
        if self.quoted or not HEBREW.fullmatch(self.words):
            return [self.words]
        bases = [self.words, *_without_prefixes(self.words)]
        return [*bases, *chain.from_iterable(map(_other_endings, bases))]

    def lexemes(self) -> list[str]:
        """Any of which the database's words may hold."""
        forms = self.forms()
        short = [form for form in forms if not self.quoted and len(form) <= SHORT and HEBREW.fullmatch(form)]
        return [*forms, *(DOUBTFUL + form for form in short)]

    def spoken(self) -> Iterator[str]:
        """As it may stand in a transcript."""
        for form in self.forms():
            yield from (prefix + form for prefix in PREFIXES) if HEBREW.fullmatch(form) else (form,)


def _without_prefixes(word: str) -> Iterator[str]:
    for prefix in filter(None, PREFIXES):
        least = LEFT_BY_ARTICLE if prefix.endswith("ה") else LEFT_BY_LETTER
        if word.startswith(prefix) and len(word) - len(prefix) >= least:
            yield word.removeprefix(prefix)


def _other_endings(word: str) -> list[str]:
    for ending, least, others in ENDINGS:
        if word.endswith(ending) and len(word) >= least:
            return [_joined(word.removesuffix(ending), other) for other in others]
    return []


def _joined(stem: str, ending: str) -> str:
    """With the letters that look different at the end of a word."""
    return stem[:-1] + stem[-1].translate(INSIDE if ending else AT_THE_END) + ending


@dataclass(frozen=True)
class Search:
    """Groups of terms, of which one must be said whole; without what must be missing."""

    groups: tuple[tuple[Term, ...], ...]
    missing: tuple[Term, ...]

    @classmethod
    def parse(cls, text: str) -> Search:
        """“In quotes” is a phrase, a minus is for what must be missing, `or` for either."""
        groups: list[list[Term]] = [[]]
        terms = list(_terms(text[:LONGEST_SEARCH]))
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
        return not self.missing and len(self.groups) == 1 and len(self.groups[0]) == 1 and not self.groups[0][0].quoted

    def certain(self) -> SearchQueryCombinable:
        return reduce(and_, [*self._said(likely=False), *self._not_missing()])

    def likely(self) -> SearchQueryCombinable | None:
        """What `certain` doesn't find; None where there is nothing to find."""
        if not self.groups:
            return None
        [certain], likely = self._said(likely=False), self._said(likely=True)
        if likely == [certain]:
            return None
        return reduce(and_, [reduce(or_, likely), ~certain, *self._not_missing()])

    def either(self) -> SearchQueryCombinable:
        return reduce(and_, [*([reduce(or_, self._said(likely=True))] if self.groups else []), *self._not_missing()])

    def marked(self) -> SearchQueryCombinable:
        """To show where it is said."""
        terms = list(chain.from_iterable(self.groups))
        spoken = islice(chain.from_iterable(term.spoken() for term in terms), MOST_MARKED)
        return reduce(or_, _readings(_any_of(spoken), _any_of(term.words for term in terms)))

    def _said(self, *, likely: bool) -> list[SearchQuery]:
        """A query for each language."""
        if not self.groups:
            return []
        written = _any_group([[_quoted(term.words) for term in group] for group in self.groups])
        if not likely:
            return [_query(written, ENGLISH)]
        forms = _any_group([[_any_of(term.lexemes()) for term in group] for group in self.groups])
        return _readings(forms, written)

    def _not_missing(self) -> list[SearchQuery]:
        if not self.missing:
            return []
        forms = _any_of(chain.from_iterable(term.lexemes() for term in self.missing))
        return [~query for query in _readings(forms, _any_of(term.words for term in self.missing))]


def _terms(text: str) -> Iterator[Term]:
    missing = False
    for match in _TERM.finditer(text):
        words = match[0].lstrip("-")
        missing = missing or words != match[0]
        if not words:
            continue  # a minus that stands alone belongs to what follows
        if any(map(str.isalnum, words)):
            yield Term(words.strip('"'), quoted=words.startswith('"'), missing=missing)
        missing = False


def _readings(forms: str, written: str) -> list[SearchQuery]:
    """By English, as most calls are kept, in all forms; by other languages of these letters as it is written."""
    languages = chain.from_iterable(languages for script, languages in SCRIPTS if script.search(written))
    return [_query(forms, ENGLISH), *(_query(written, language) for language in languages)]


def _query(text: str, language: str) -> SearchQuery:
    return SearchQuery(text, config=CONFIG.format(language), search_type="raw")


def _any_group(groups: list[list[str]]) -> str:
    return " | ".join(f"({' & '.join(group)})" for group in groups)


def _any_of(words: Iterable[str]) -> str:
    quoted = [*map(_quoted, words)]
    return quoted[0] if len(quoted) == 1 else f"({' | '.join(quoted)})"


def _quoted(words: str) -> str:
    """For `to_tsquery`, which makes a phrase of several words."""
    return "'{}'".format(words.replace("\\", "\\\\").replace("'", "''"))


def digits_of(text: str) -> str | None:
    """Of a number, however it is written; None for what is none.

    From `WHOLE_NUMBER` digits on, without its country and the zeros that are dialled first: what a number ends with.
    """
    if text.startswith("-") or '"' in text or any(map(str.isalpha, text)):
        return None
    digits = "".join(str(int(character)) for character in text if character.isdecimal())
    if len(digits) not in NUMBER_DIGITS:
        return None
    national = _national(digits)
    return national if len(national) >= WHOLE_NUMBER else digits


def _national(digits: str) -> str:
    try:
        number = phonenumbers.parse(f"+{digits.removeprefix('00')}")
    except phonenumbers.NumberParseException:
        return digits.lstrip("0")
    possible = phonenumbers.is_possible_number(number)
    return phonenumbers.national_significant_number(number) if possible else digits.lstrip("0")


def marked(snippet: str | None) -> SafeString:
    """With who speaks, and with what was searched for in `<mark>`; everything else is escaped."""
    start, stop = MARKS
    return mark_safe(escape(name_speakers(snippet or "")).replace(start, "<mark>").replace(stop, "</mark>"))  # noqa: S308  escaped
