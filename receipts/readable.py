"""Is what came out of a document text, or what is left of fonts that nobody can decode?"""

import re
from typing import Final

# Less than this is a page number or a watermark over a picture.
MIN_CHARACTERS: Final = 20
# Of a text that can be read.
MIN_WORDS: Final = 0.5
MAX_JUDGED: Final = 20_000

# How PDF readers show a character whose font says nothing about it.
_UNDECODED = re.compile(r"\(cid:\d{1,6}\)|[\x00-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd\ufffe\uffff]")
_TOKEN = re.compile(r"\S+")
# A word, a number, an amount or a mark of its own, with what usually stands around and inside it.
_WORD = re.compile(
    r"[\W_]*(?:[^\W\d_]{1,30}(?:[-'’.,/&:@\"״׳][^\W\d_]{0,30}){0,8}|[\d.,:/'-]{1,30}(?:[^\W\d_]{0,4}))[\W_]*|[^\w\s]{1,3}"
)
_VOWEL = re.compile(r"[aeiouyäöüàâéèêëîïôûùáíóúæøå]", re.IGNORECASE)
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ÿ]{4,}")


def is_readable(text: str) -> bool:
    """Whether `text` holds something to read, in words rather than in the shapes of broken fonts."""
    text = text[:MAX_JUDGED]
    undecoded = len(_UNDECODED.findall(text))
    rest = _UNDECODED.sub(" ", text)
    written = sum(map(str.isalnum, rest))
    if written < MIN_CHARACTERS or undecoded * 2 > written:
        return False
    tokens = _TOKEN.findall(rest)
    words = sum(_WORD.fullmatch(token) is not None for token in tokens)
    return words >= MIN_WORDS * len(tokens) and _sounds_like_words(rest)


def _sounds_like_words(text: str) -> bool:
    """A font whose letters are shifted gives words without vowels, and capitals among small letters."""
    words = _LATIN_WORD.findall(text)
    spoken = [word for word in words if _VOWEL.search(word)]
    odd = [word for word in words if not (word.isupper() or word[1:].islower())]
    return len(words) < 10 or (len(spoken) >= 0.6 * len(words) and len(odd) <= 0.6 * len(words))
