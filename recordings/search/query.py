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

from ..transcription.speakers import name_speakers

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
ABBREVIATION: Final = re.compile("[א-ת]{1,20}[\"'][א-ת]{1,20}")
NUMBER: Final = re.compile("[0-9][0-9,.:-]*")
WHOLE: Final = re.compile("[1-9][0-9]*")
PHONE_NUMBER: Final = re.compile("0[0-9]{8,9}")  # as it is dialled within the country
# Keyboards and phones write quotes, gereshayim and the maqaf in many ways, and texts with vowel points are pasted.
AS_TYPED: Final = str.maketrans("“”„״‘’׳־", '""""\'\'\'-')
POINTS: Final = re.compile("[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]")
COMPOUND: Final = re.compile("(?<=[א-ת])-(?=[א-ת])")
# A word that begins like a prefix is also looked for without it; an article is surer to be one than a single letter.
LEFT_BY_ARTICLE, LEFT_BY_LETTER = 4, 5  # letters, at least
# The first ending that fits, the letters that a word must have for it, and what may stand instead.
ENDINGS: Final = (
    ("יות", 5, ("ית", "יה", "יית")),
    ("ית", 4, ("יות",)),
    ("יה", 4, ("יות", "יית")),
    ("ות", 5, ("", "ה", "ותים")),
    ("ות", 4, ("ה",)),
    ("ים", 5, ("", "י")),
    ("ים", 4, ("ה",)),
    ("ה", 3, ("ות", "ת")),
    ("י", 4, ("ים",)),
    ("", 3, ("ים", "ות", "י")),
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
        if self.quoted:
            return [self.words]
        if HEBREW.fullmatch(self.words):
            bases = [self.words, *_without_prefixes(self.words)]
            return [*bases, *chain.from_iterable(map(_other_endings, bases))]
        if ABBREVIATION.fullmatch(self.words):
            return [*_other_spellings(self.words)]
        return [self.words, *_other_numbers(self.words)]

    def query(self) -> str:
        """For `to_tsquery`: any of which the database's words may hold."""
        phrase = self.words.split()
        if self.quoted and all(map(HEBREW.fullmatch, phrase)):
            return f"({' <-> '.join(_any_of(_with_doubtful([word])) for word in phrase)})"
        return _any_of([self.words] if self.quoted else _with_doubtful(self.forms()))

    def spoken(self) -> Iterator[str]:
        """As it may stand in a transcript."""
        for form in self.forms():
            yield from (prefix + form for prefix in PREFIXES) if HEBREW.fullmatch(form) else (form,)


def _without_prefixes(word: str) -> Iterator[str]:
    for prefix in filter(None, PREFIXES):
        least = LEFT_BY_ARTICLE if prefix.endswith("ה") else LEFT_BY_LETTER
        if word.startswith(prefix) and len(word) - len(prefix) >= least:
            yield word.removeprefix(prefix)


def _with_doubtful(forms: list[str]) -> list[str]:
    return [*forms, *(DOUBTFUL + form for form in forms if len(form) <= SHORT and HEBREW.fullmatch(form))]


def _other_spellings(abbreviation: str) -> Iterator[str]:
    """Behind prefixes too: the database makes two words of it, and takes none off.

    Never without its mark: `עו"ד` would be "עוד".
    """
    for prefix, marks in product(PREFIXES, ("\"'", "״׳")):
        yield prefix + abbreviation.translate(str.maketrans("\"'", marks))


def _other_numbers(word: str) -> Iterator[str]:
    """With the hyphen of "ב-500", which the database takes for a minus; grouped and not."""
    if not NUMBER.fullmatch(word):
        return
    yield f"-{word}"
    plain = re.sub("[,-]", "", word)
    if PHONE_NUMBER.fullmatch(plain):
        first, middle, last = plain[:-7], plain[-7:-4], plain[-4:]
        yield from (plain, f"-{plain}", f"{first}-{middle}{last}", f"{first}-{middle}-{last}")
    elif WHOLE.fullmatch(plain) and "-" not in word:
        yield from (plain, f"-{plain}", f"{int(plain):,}", f"-{int(plain):,}")


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
        terms = list(_terms(POINTS.sub("", text[:LONGEST_SEARCH]).translate(AS_TYPED)))
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
        """For the database too, which makes several of `דו"ח` and `12:30`."""
        terms = [*chain.from_iterable(self.groups), *self.missing]
        return len(terms) == 1 and terms[0].words.isalnum() and not (terms[0].quoted or terms[0].missing)

    def certain(self) -> SearchQueryCombinable:
        return reduce(and_, [*self._queries(likely=False), *self._not_missing()])

    def likely(self) -> SearchQueryCombinable | None:
        """What `certain` doesn't find; None where there is nothing to find."""
        if not self.groups:
            return None
        [certain], likely = self._queries(likely=False), self._queries(likely=True)
        if likely == [certain]:
            return None
        return reduce(and_, [reduce(or_, likely), ~certain, *self._not_missing()])

    def either(self) -> SearchQueryCombinable:
        return reduce(and_, [*([reduce(or_, self._queries(likely=True))] if self.groups else []), *self._not_missing()])

    def marked(self) -> SearchQueryCombinable:
        """To show where it is said."""
        terms = list(chain.from_iterable(self.groups))
        spoken = islice(chain.from_iterable(term.spoken() for term in terms), MOST_MARKED)
        return reduce(or_, _readings(_any_of(spoken), _any_of(term.words for term in terms)))

    def _queries(self, *, likely: bool) -> list[SearchQuery]:
        """A query for each language."""
        if not self.groups:
            return []
        written = _any_group([[_quoted(term.words) for term in group] for group in self.groups])
        if not likely:
            return [_query(written, ENGLISH)]
        forms = _any_group([[term.query() for term in group] for group in self.groups])
        return _readings(forms, written)

    def _not_missing(self) -> list[SearchQuery]:
        if not self.missing:
            return []
        forms = " | ".join(term.query() for term in self.missing)
        return [~query for query in _readings(forms, _any_of(term.words for term in self.missing))]


def _terms(text: str) -> Iterator[Term]:
    missing = False
    for match in _TERM.finditer(text):
        words = match[0].lstrip("-")
        missing = missing or words != match[0]
        if not words:
            continue  # a minus that stands alone belongs to what follows
        if any(map(str.isalnum, words)):
            said = COMPOUND.sub(" ", words.strip('"'))
            yield Term(said, quoted=words.startswith('"') or " " in said, missing=missing)
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
    quoted = [*map(_quoted, dict.fromkeys(words))]
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
