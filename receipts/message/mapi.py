"""The MAPI properties inside a TNEF stream (MS-OXPROPS): ids, types and values.

Every length is checked against the bytes that are there, so that a broken list ends instead of reading past its data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from receipts.message.charsets import clean_text, decode_text
from runs.item_failed import ItemFailed

_FIRST_NAMED: Final = 0x8000
# Types of properties: the bytes that a value takes, where its type says so.
_SIZES: Final = {
    **dict.fromkeys((0x0001, 0x0002, 0x0003, 0x0004, 0x000A, 0x000B), 4),
    **dict.fromkeys((0x0005, 0x0006, 0x0007, 0x0014, 0x0040), 8),
    0x0048: 16,
}
_OF_ANY_SIZE: Final = (0x000D, 0x001E, 0x001F, 0x0102)  # object, string, string of UTF-16, bytes
_UTF_16: Final = 0x001F
_SEVERAL: Final = 0x1000


class ByteReader:
    """Takes little-endian values off the front. ValueError when the data ends before them."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, length: int) -> memoryview:
        if length > self.left:
            raise ValueError("cut off")
        self._at += length
        return self._data[self._at - length : self._at]

    def number(self, size: int = 4) -> int:
        return int.from_bytes(self.take(size), "little")

    def padded(self, length: int) -> memoryview:
        """So many bytes, and those that fill them up to a multiple of four."""
        value = self.take(length)
        self.take(min(-length % 4, self.left))
        return value


def read_properties(data: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """The properties (name, type, first value), up to the first that is truncated or of an unknown type."""
    reader = ByteReader(data)
    try:
        for _count in range(reader.number()):
            kind, name = reader.number(2), reader.number(2)
            if name >= _FIRST_NAMED:
                _skip_name(reader)
            first = _read_value(reader, kind)
            yield name, kind & ~_SEVERAL, first
    except ValueError:
        return


def _skip_name(reader: ByteReader) -> None:
    reader.take(16)
    if reader.number():
        reader.padded(reader.number())
    else:
        reader.number()


def _read_value(reader: ByteReader, kind: int) -> memoryview:
    size = _SIZES.get(kind & ~_SEVERAL)
    if size is None and kind & ~_SEVERAL not in _OF_ANY_SIZE:
        raise ValueError("a property of an unknown type")
    count = reader.number() if size is None or kind & _SEVERAL else 1
    first: memoryview | None = None
    for _count in range(count):
        value = reader.take(size) if size else reader.padded(reader.number())
        first = value if first is None else first
    return memoryview(b"") if first is None else first


def decode_value(value: memoryview, kind: int = 0, codepage: str = "") -> str:
    charset = "utf-16-le" if kind == _UTF_16 else codepage
    try:
        text = decode_text(bytes(value), charset)
    except ItemFailed:
        text = decode_text(bytes(value), "")
    return clean_text(text.rstrip("\x00"), lines=True)
