"""The files inside a winmail.dat, as Outlook packs them (TNEF: MS-OXTNEF and MS-OXPROPS).

A stream is a row of attributes: level, id with type, length, data, checksum. Some hold MAPI properties: those of the
message have its text, those of an attachment its long name and, where a mail was attached, another such stream.
Every length is checked against the bytes that are left, and every byte is read once. The packages that read TNEF copy
the rest of the file at every attribute and trust its counts, so that a small file can keep them busy for minutes.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from receipts.message.charsets import clean_text
from receipts.message.mapi import ByteReader, decode_value, read_properties

SIGNATURE: Final = b"\x78\x9f\x3e\x22"
MAX_ATTACHMENTS: Final = 300
MAX_DEPTH: Final = 5
# Attributes
_PLAIN: Final = 0x800C
_TITLE: Final = 0x8010
_DATA: Final = 0x800F
_RENDERING: Final = 0x9002  # the first attribute of an attachment
_MESSAGE_PROPERTIES: Final = 0x9003
_ATTACHMENT_PROPERTIES: Final = 0x9005
# Properties
_BODY: Final = 0x1000
_BODY_HTML: Final = 0x1013
_DATA_OBJECT: Final = 0x3701  # where it isn't an attribute of its own
_LONG_NAME: Final = 0x3707
_CODEPAGE: Final = 0x3FDE
_ATTACHED_MESSAGE: Final = bytes.fromhex("0703020000000000c000000000000046")  # precedes the stream


@dataclass
class PackedFile:
    """A file that was packed: its name, "" if it has none, and its bytes."""

    name: str = ""
    content: memoryview = field(default_factory=lambda: memoryview(b""))


@dataclass
class UnpackedStream:
    """What a stream holds: its files, those of attached messages among them, and its texts, "" when absent."""

    files: list[PackedFile] = field(default_factory=list)
    plain: str = ""
    html: str = ""


def unpack_stream(data: memoryview, depth: int = 0) -> UnpackedStream:
    """The complete contents of a stream that may be truncated. ValueError when nothing in it is complete."""
    stream = UnpackedStream()
    reader = ByteReader(data)
    try:
        if bytes(reader.take(4)) != SIGNATURE or depth > MAX_DEPTH:
            raise ValueError("not a TNEF stream")
        reader.take(2)
        while reader.left and len(stream.files) <= MAX_ATTACHMENTS:
            _read_attribute(stream, reader, depth)
    except ValueError:
        if not (stream.files or stream.plain or stream.html):
            raise
    stream.files = [packed for packed in stream.files if packed.content]
    return stream


def _read_attribute(stream: UnpackedStream, reader: ByteReader, depth: int) -> None:
    reader.number(1)
    name = reader.number(2)
    reader.number(2)
    data = reader.take(reader.number())
    reader.take(min(2, reader.left))
    if name == _MESSAGE_PROPERTIES:
        _read_texts(stream, data)
    elif name == _PLAIN:
        stream.plain = stream.plain or decode_value(data)
    elif name == _RENDERING:
        stream.files.append(PackedFile())
    elif not stream.files:
        return
    elif name == _TITLE:
        stream.files[-1].name = stream.files[-1].name or decode_value(data)
    elif name == _DATA:
        stream.files[-1].content = data
    elif name == _ATTACHMENT_PROPERTIES:
        _read_attachment(stream, data, depth)


def _read_texts(stream: UnpackedStream, data: memoryview) -> None:
    texts: dict[int, tuple[int, memoryview]] = {}
    codepage = ""
    for name, kind, value in read_properties(data):
        if name == _CODEPAGE:
            codepage = f"cp{int.from_bytes(value, 'little')}"
        elif name in (_BODY, _BODY_HTML):
            texts[name] = (kind, value)
    if _BODY in texts:
        stream.plain = decode_value(texts[_BODY][1], texts[_BODY][0], codepage)
    if _BODY_HTML in texts:
        stream.html = decode_value(texts[_BODY_HTML][1], texts[_BODY_HTML][0], codepage)


def _read_attachment(stream: UnpackedStream, data: memoryview, depth: int) -> None:
    """What the properties of the last attachment say: its long name, its bytes, or that it is a message."""
    packed = stream.files[-1]
    for name, kind, value in read_properties(data):
        if name == _LONG_NAME:
            packed.name = clean_text(decode_value(value, kind))
        elif name == _DATA_OBJECT and bytes(value[:16]) == _ATTACHED_MESSAGE:
            _read_attached_message(stream, value[16:], depth + 1)
        elif name == _DATA_OBJECT:
            packed.content = packed.content or value


def _read_attached_message(stream: UnpackedStream, data: memoryview, depth: int) -> None:
    with suppress(ValueError):
        inner = unpack_stream(data, depth)
        stream.plain = stream.plain or inner.plain
        stream.html = stream.html or inner.html
        stream.files += inner.files
