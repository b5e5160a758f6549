"""What the head of a WAV says of its length. Read without FFmpeg: a few seeks, however large the file.

1. A writer puts the head first and the lengths last: until then the head announces nothing behind itself.
2. A writer that can't go back (into a pipe) announces zero, or the largest length that it can think of.
3. Any other length is a claim, and the file must be at least as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Final

MOST_CHUNKS: Final = 64  # before the sound; a file of nothing but empty chunks is none
UNKNOWN_FROM: Final = 0x7FFF_0000  # a length like this and more stands for one that isn't known
PADDING: Final = 1  # a chunk of odd length is filled up, and not all writers count that


@dataclass(frozen=True)
class WavHead:
    """Lengths in bytes, as the head claims them; `data_start` is None where no sound was found."""

    riff_size: int
    data_start: int | None = None
    data_size: int = 0
    bytes_per_second: int = 0

    @property
    def is_unfinished(self) -> bool:
        """Its writer has not come back to fill in the lengths: the call is still being recorded."""
        return self.data_start is not None and self.data_size == 0 and 8 < self.riff_size + 8 <= self.data_start

    def is_longer_than(self, size: int) -> bool:
        """Does the head claim more than a file of this size has?"""
        if self.data_start is not None and _is_known(self.data_size):
            return self.data_start + self.data_size > size + PADDING
        return _is_known(self.riff_size) and self.riff_size + 8 > size + PADDING

    def seconds(self, size: int) -> float | None:
        """The length of the sound in a file of this size."""
        if self.data_start is None or not self.bytes_per_second:
            return None
        there = max(0, size - self.data_start)
        return (min(there, self.data_size) if _is_known(self.data_size) else there) / self.bytes_per_second


def read_wav_head(file: BinaryIO) -> WavHead | None:
    """None for what is no WAV."""
    file.seek(0)
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    riff_size, bytes_per_second, place = _number(head[4:8]), 0, 12
    for _chunk in range(MOST_CHUNKS):
        file.seek(place)
        name, size = file.read(4), _number(file.read(4))
        if name == b"data":
            return WavHead(riff_size, place + 8, size, bytes_per_second)
        if name == b"fmt ":
            bytes_per_second = _number(file.read(12)[8:12])
        elif len(name) < 4:
            break
        place += 8 + size + size % 2
    return WavHead(riff_size)


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


def _is_known(length: int) -> bool:
    return 0 < length < UNKNOWN_FROM
