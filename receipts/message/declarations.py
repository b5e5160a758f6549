"""What a part declares of itself: type, character set, file name and boundary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from email.utils import collapse_rfc2231_value
from functools import lru_cache
from typing import Final, TypeVar

from receipts.message.headers import decode_encoded_words

T = TypeVar("T")
MAX_NAME: Final = 1_000
DESCRIBING_HEADERS: Final = ("content-type", "content-disposition")


@dataclass(frozen=True)
class Declaration:
    """What a part's headers declare."""

    type: str
    charset: str
    filename: str
    is_attachment: bool
    boundary: str


def _declared_filename(described: Message[str, str]) -> str:
    name = described.get_param("filename", None, "content-disposition")
    if name is None:
        name = described.get_param("name", None, "content-type")
    return decode_encoded_words(collapse_rfc2231_value(name)[:MAX_NAME]) if name else ""


@lru_cache(maxsize=200)
def parse_declaration(*values: str) -> Declaration:
    """The two headers with parameters, parsed by the standard library. Cached: most parts declare the same."""
    described: Message[str, str] = Message()
    for name, value in zip(DESCRIBING_HEADERS, values, strict=True):
        if value:
            described[name] = value
    return Declaration(
        type=_value_or_default(described.get_content_type, "application/octet-stream"),
        charset=_value_or_default(lambda: described.get_content_charset(""), ""),
        filename=_value_or_default(lambda: _declared_filename(described), ""),
        is_attachment=_value_or_default(described.get_content_disposition, None) == "attachment",
        boundary=_value_or_default(lambda: described.get_boundary(""), ""),
    )


def _value_or_default(read: Callable[[], T], default: T) -> T:
    """The value that `read` returns, or the default where a malformed header breaks the standard library's parser."""
    try:
        return read()
    except (ValueError, LookupError, TypeError, AttributeError):
        return default
