"""Text search queries of PostgreSQL, written for `to_tsquery`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain
from typing import Final

from django.contrib.postgres.search import SearchQuery

# The database's configuration of each language; calls in any other language, and in Hebrew, have that of English.
CONFIG: Final = "recordings_{}"
ENGLISH: Final = "en"
LANGUAGES_BY_SCRIPT: Final = (
    (re.compile("[a-zà-ɏ]", re.IGNORECASE), ("de", "es", "fr", "it", "nl", "pt")),
    (re.compile("[а-яё]", re.IGNORECASE), ("ru",)),
    (re.compile("[\u0620-\u064a]"), ("ar",)),
)


def make_query(expression: str, language: str = ENGLISH) -> SearchQuery:
    return SearchQuery(expression, config=CONFIG.format(language), search_type="raw")


def make_queries(forms: str, written: str) -> list[SearchQuery]:
    """A query for each language: all forms for English, which most calls use, and the written ones for the others."""
    languages = chain.from_iterable(languages for script, languages in LANGUAGES_BY_SCRIPT if script.search(written))
    return [make_query(forms), *(make_query(written, language) for language in languages)]


def any_group(groups: list[list[str]]) -> str:
    """An expression for all terms of any group."""
    return " | ".join(f"({' & '.join(group)})" for group in groups)


def any_word(words: Iterable[str]) -> str:
    """An expression for any of the words."""
    quoted = [*map(quote_words, dict.fromkeys(words))]
    return quoted[0] if len(quoted) == 1 else f"({' | '.join(quoted)})"


def quote_words(words: str) -> str:
    """An expression for the words; several are a phrase."""
    return "'{}'".format(words.replace("\\", "\\\\").replace("'", "''"))
