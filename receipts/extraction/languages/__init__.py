"""The phrases of receipts and their mails in each language, as data. A new language is a new module.

A space in a phrase stands for a space, a hyphen, a slash or nothing; a star for the rest of a word. Accents and case
don't matter. `receipts.extraction.labels` makes patterns of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from .dutch import DUTCH
from .english import ENGLISH
from .french import FRENCH
from .german import GERMAN
from .hebrew import HEBREW
from .italian import ITALIAN
from .language import Language
from .spanish import SPANISH

LANGUAGES: Final = {
    "en": ENGLISH,
    "he": HEBREW,
    "de": GERMAN,
    "fr": FRENCH,
    "es": SPANISH,
    "it": ITALIAN,
    "nl": DUTCH,
}


def phrases(of: Callable[[Language], Iterable[str]]) -> list[tuple[str, str]]:
    """What all languages say, each phrase with its language's prefix: `phrases(lambda language: language.totals)`."""
    return [(language.prefix, phrase) for language in LANGUAGES.values() for phrase in of(language)]
