"""The files inside a winmail.dat, as Outlook packs them (TNEF: MS-OXTNEF and MS-OXPROPS).

A stream is a row of attributes: level, id with type, length, data, checksum. Some hold MAPI properties: those of the
message have its text, those of an attachment its long name and, where a mail was attached, another such stream.
Every length is checked against the bytes that are there, and every byte is passed once; the packages that read TNEF
copy the rest of the file at every attribute, and count as far as the file says.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from receipts.message.charsets import clean, decoded
from runs.item_failed import ItemFailed

SIGNATURE: Final = b"\x78\x9f\x3e\x22"
MAX_ATTACHMENTS: Final = 300
MAX_DEPTH: Final = 5

# Attributes
_PLAIN: Final = 0x800C
_TITLE: Final = 0x8010
_DATA: Final = 0x800F
_RENDERING: Final = 0x9002  # comes first of an attachment's
_MESSAGE_PROPERTIES: Final = 0x9003
_ATTACHMENT_PROPERTIES: Final = 0x9005

# Properties
_BODY: Final = 0x1000
_BODY_HTML: Final = 0x1013
_DATA_OBJECT: Final = 0x3701  # where it isn't an attribute of its own
_LONG_NAME: Final = 0x3707
_CODEPAGE: Final = 0x3FDE
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
_ATTACHED_MESSAGE: Final = bytes.fromhex("0703020000000000c000000000000046")  # stands before its stream


@dataclass
class Packed:
    """A file that was packed: its name, "" if it has none, and its bytes."""

    name: str = ""
    content: memoryview = field(default_factory=lambda: memoryview(b""))


@dataclass
class Unpacked:
    """What a stream holds: its files, those of attached messages among them, and its texts, "" when absent."""

    files: list[Packed] = field(default_factory=list)
    plain: str = ""
    html: str = ""


def unpack(data: memoryview, depth: int = 0) -> Unpacked:
    """What is whole in a stream that may be cut off. ValueError when that is nothing."""
    found = Unpacked()
    reader = _Reader(data)
    try:
        if bytes(reader.take(4)) != SIGNATURE or depth > MAX_DEPTH:
            raise ValueError("not a TNEF stream")
        reader.take(2)
        while reader.left and len(found.files) <= MAX_ATTACHMENTS:
            _add_attribute(found, reader, depth)
    except ValueError:
        if not (found.files or found.plain or found.html):
            raise
    found.files = [packed for packed in found.files if packed.content]
    return found


class _Reader:
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


def _add_attribute(found: Unpacked, reader: _Reader, depth: int) -> None:
    reader.number(1)
    name = reader.number(2)
    reader.number(2)
    data = reader.take(reader.number())
    reader.take(min(2, reader.left))
    if name == _MESSAGE_PROPERTIES:
        _add_texts(found, data)
    elif name == _PLAIN:
        found.plain = found.plain or _text(data)
    elif name == _RENDERING:
        found.files.append(Packed())
    elif not found.files:
        return
    elif name == _TITLE:
        found.files[-1].name = found.files[-1].name or _text(data)
    elif name == _DATA:
        found.files[-1].content = data
    elif name == _ATTACHMENT_PROPERTIES:
        _describe(found, data, depth)


def _add_texts(found: Unpacked, data: memoryview) -> None:
    texts: dict[int, tuple[int, memoryview]] = {}
    codepage = ""
    for name, kind, value in _properties(data):
        if name == _CODEPAGE:
            codepage = f"cp{int.from_bytes(value, 'little')}"
        elif name in (_BODY, _BODY_HTML):
            texts[name] = (kind, value)
    if _BODY in texts:
        found.plain = _text(texts[_BODY][1], texts[_BODY][0], codepage)
    if _BODY_HTML in texts:
        found.html = _text(texts[_BODY_HTML][1], texts[_BODY_HTML][0], codepage)


def _describe(found: Unpacked, data: memoryview, depth: int) -> None:
    """What the properties of the last attachment say: its long name, its bytes, or that it is a message."""
    packed = found.files[-1]
    for name, kind, value in _properties(data):
        if name == _LONG_NAME:
            packed.name = clean(_text(value, kind))
        elif name == _DATA_OBJECT and bytes(value[:16]) == _ATTACHED_MESSAGE:
            _add_message(found, value[16:], depth + 1)
        elif name == _DATA_OBJECT:
            packed.content = packed.content or value


def _add_message(found: Unpacked, data: memoryview, depth: int) -> None:
    with suppress(ValueError):
        inner = unpack(data, depth)
        found.plain = found.plain or inner.plain
        found.html = found.html or inner.html
        found.files += inner.files


def _properties(data: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """The properties (name, type, first value); of a list that is broken off or strange, those before that."""
    reader = _Reader(data)
    try:
        for _count in range(reader.number()):
            kind, name = reader.number(2), reader.number(2)
            if name >= _FIRST_NAMED:
                _skip_name(reader)
            first = _value(reader, kind)
            yield name, kind & ~_SEVERAL, first
    except ValueError:
        return


def _skip_name(reader: _Reader) -> None:
    reader.take(16)
    if reader.number():
        reader.padded(reader.number())
    else:
        reader.number()


def _value(reader: _Reader, kind: int) -> memoryview:
    size = _SIZES.get(kind & ~_SEVERAL)
    if size is None and kind & ~_SEVERAL not in _OF_ANY_SIZE:
        raise ValueError("a property of an unknown type")
    count = reader.number() if size is None or kind & _SEVERAL else 1
    first: memoryview | None = None
    for _count in range(count):
        value = reader.take(size) if size else reader.padded(reader.number())
        first = value if first is None else first
    return memoryview(b"") if first is None else first


def _text(value: memoryview, kind: int = 0, codepage: str = "") -> str:
    charset = "utf-16-le" if kind == _UTF_16 else codepage
    try:
        text = decoded(bytes(value), charset)
    except ItemFailed:
        text = decoded(bytes(value), "")
    return clean(text.rstrip("\x00"), lines=True)
