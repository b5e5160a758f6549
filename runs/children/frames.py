"""The protocol between a process and its bounded child: a length of four bytes, then that many bytes.

A frame from the child begins with one more byte, `MORE` or `LAST`: after `LAST` the child exits.
"""

from typing import BinaryIO, Final

MORE: Final = b"\0"
LAST: Final = b"\1"
HEADER_BYTES: Final = 4


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next frame, or None when the stream ended first."""
    head = stream.read(HEADER_BYTES)
    if len(head) < HEADER_BYTES:
        return None
    length = int.from_bytes(head, "big")
    body = stream.read(length)
    return body if len(body) == length else None


def encode_frame(body: bytes) -> bytes:
    return len(body).to_bytes(HEADER_BYTES, "big") + body
