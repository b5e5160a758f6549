"""How `receipts.pdf` and its child talk: a length of four bytes, then that many bytes."""

from typing import BinaryIO


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next frame, or None when the stream ended first."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    length = int.from_bytes(head, "big")
    body = stream.read(length)
    return body if len(body) == length else None


def write_frame(stream: BinaryIO, body: bytes) -> None:
    """Send one frame. BrokenPipeError when nobody listens any more."""
    stream.write(len(body).to_bytes(4, "big"))
    stream.write(body)
    stream.flush()
