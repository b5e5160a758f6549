"""Decodes the bytes of mail, and cleans its text for people and for PostgreSQL."""

import codecs
import re
from contextlib import suppress
from functools import lru_cache
from typing import Final

from receipts.phrases import mark_phrase as _
from runs.item_failed import ItemFailed

# Names that mail programs use and Python doesn't know. Hebrew mail is full of the first two.
_CHARSETS: Final = {
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "cp-1255": "cp1255",
    "dos-862": "cp862",
    "x-mac-hebrew": "iso-8859-8",
    "ansi_x3.4-1968": "ascii",
    "ansi_x3.110-1983": "latin-1",
    "utf8mb4": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
    "cp-850": "cp850",
    "x-sjis": "shift_jis",
    "ks_c_5601-1987": "cp949",
}
# What is declared as the first of each is really the second, which holds all of it and, say, the euro sign.
_WIDER: Final = {
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
}
# Codecs of Python that are no charsets of mail; some take quadratic time.
_NO_CHARSETS: Final = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"}
_UNDECLARED: Final = {"", "default", "unknown", "unknown-8bit", "x-unknown", "8bit", "binary"}
# Declared as plain ASCII, or not at all, text is mostly UTF-8 or Windows Hebrew.
_GUESSED_CHARSETS: Final = ("utf-8", "cp1255", "latin-1")
# What a page declares itself. It was found by reading ASCII, so the page can't be in UTF-16.
_META_CHARSET = re.compile(
    rb"<meta\s[^<>]{0,200}?\bcharset\s*+=\s*+[\"']?(?!utf-?(?:16|32))([a-z0-9_.:-]{1,40})", re.IGNORECASE
)
_META_BYTES: Final = 4_096

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe]")


def decode_text(content: bytes, charset: str) -> str:
    """`content` as text. ItemFailed, code charset, when its character set is unknown."""
    codec = _find_codec(charset)
    if codec is None:
        raise ItemFailed(_("This message is written in an unknown character set."), code="charset")
    if codec not in ("", "ascii"):
        return content.decode(codec, "replace")
    for guess in _GUESSED_CHARSETS:
        try:
            return content.decode(guess)
        except UnicodeDecodeError:
            continue
    return content.decode("ascii", "replace")


def decode_html(content: bytes, charset: str) -> str:
    """A file of HTML as text. `charset` is what its mail declares, "" if nothing.

    UTF-8 is tried first, as text of other charsets hardly ever fits it, and some mail programs declare their own
    charset for every file. Then comes the mail's declaration, then the page's own.
    """
    if not content.isascii():
        with suppress(UnicodeDecodeError):
            return content.decode("utf-8")
    return decode_text(content, find_charset(charset) or _find_meta_charset(content))


def _find_meta_charset(content: bytes) -> str:
    found = _META_CHARSET.search(content[:_META_BYTES])
    return find_charset(found[1].decode("ascii")) if found else ""


def find_charset(declared: str) -> str:
    """Python's name for a declared charset, "" where the text must be guessed: undeclared, unknown or plain ASCII."""
    codec = _find_codec(declared) or ""
    return "" if codec == "ascii" else codec


@lru_cache(maxsize=200)
def _find_codec(charset: str) -> str | None:
    """Python's name for a charset, "" for an undeclared one, None for one that doesn't exist."""
    charset = charset.strip().strip("'\"").lower()
    if charset in _UNDECLARED:
        return ""
    try:
        name = codecs.lookup(_CHARSETS.get(charset, charset)).name
        # Python also "decodes" compression and the like under such names; those raise here.
        b"    ".decode(name, "replace")  # some of them only where there is something to decode
    except (LookupError, ValueError, UnicodeError):
        return None
    return None if name.replace("-", "_") in _NO_CHARSETS else _WIDER.get(name, name)


def clean_text(text: str, *, lines: bool = False) -> str:
    """`text` without control and direction marks, and without what PostgreSQL can't store.

    Keeps line breaks only if `lines`; spaces of every kind become plain ones.
    """
    if text.isprintable():  # then it has no mark, no half of a pair, and no space but plain ones
        return text if lines else " ".join(text.split())
    text = text.encode("utf-8", "replace").decode("utf-8")
    if lines:
        kept = (_UNPRINTABLE.sub(_space_or_nothing, line) for line in text.splitlines())
        return "\n".join(kept).replace("\xa0", " ")
    return " ".join(_UNPRINTABLE.sub(_space_or_nothing, text).split())


def _space_or_nothing(match: re.Match[str]) -> str:
    return " " if match[0] in "\t\n\r\x0b\x0c\x85\u2028\u2029" else ""
