"""Whether the text of a document is readable, or garbage from fonts that can't be decoded."""

import re
from typing import Final

from receipts.extraction.kinds import mentions_receipts

# Less than this is a page number or a watermark over a picture.
MIN_LETTERS: Final = 20
# Every language read here has more vowels than this among its letters; a font whose letters are shifted has not.
MIN_VOWELS: Final = 0.27
MAX_JUDGED: Final = 20_000

# How PDF readers show a character whose font says nothing about it.
_UNDECODED = re.compile(r"\(cid:\d{1,6}\)|[\x00-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd\ufffe\uffff]")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ]")
_VOWEL = re.compile(r"[aeiouyAEIOUYÀ-ÆÈ-ÏÒ-ÖØ-Ýà-æè-ïò-öø-ýœŒ]")


def is_readable(text: str) -> bool:
    """Whether `text` holds something to read, in words rather than in the shapes of broken fonts."""
    text = text[:MAX_JUDGED]
    undecoded = len(_UNDECODED.findall(text))
    rest = _UNDECODED.sub(" ", text)
    letters = sum(map(str.isalpha, rest))
    if undecoded > letters:
        return False
    if mentions_receipts(rest):
        return True
    latin = len(_LATIN.findall(rest))
    sounds_like_words = latin < letters / 2 or len(_VOWEL.findall(rest)) >= MIN_VOWELS * latin
    return letters >= MIN_LETTERS and sounds_like_words
