"""The lengths in the header of a WAV, read without FFmpeg: a few seeks, however large the file.

1. A writer fills in the lengths when it is done: until then the header claims that no sound follows.
2. A writer that can't seek back (into a pipe) writes zero, or the largest length possible.
3. With any other length, the file must be at least as long.

For the child as well: no Django here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Final

MAX_CHUNKS: Final = 64  # before the sound; a file made of empty chunks is refused
UNKNOWN_FROM: Final = 0x7FFF_0000  # lengths from here on stand for an unknown one
PADDING: Final = 1  # a chunk of odd length is padded, and not all writers count the padding


@dataclass(frozen=True)
class WavHeader:
    """Lengths in bytes, as the header claims them; `data_start` is None if no sound was found."""

    riff_size: int
    data_start: int | None = None
    data_size: int = 0
    bytes_per_second: int = 0

    @property
    def is_unfinished(self) -> bool:
        """The lengths have not been filled in: the call is still being recorded."""
        return self.data_start is not None and self.data_size == 0 and 8 < self.riff_size + 8 <= self.data_start

    def is_longer_than(self, size: int) -> bool:
        """Does the header claim more than a file of this size has?"""
        if self.data_start is not None and is_known_length(self.data_size):
            return self.data_start + self.data_size > size + PADDING
        return is_known_length(self.riff_size) and self.riff_size + 8 > size + PADDING

    def duration_of(self, size: int) -> float | None:
        """The seconds of sound in a file of this size."""
        if self.data_start is None or not self.bytes_per_second:
            return None
        present = max(0, size - self.data_start)
        return (min(present, self.data_size) if is_known_length(self.data_size) else present) / self.bytes_per_second


def read_wav_header(file: BinaryIO) -> WavHeader | None:
    """None if the file is no WAV."""
    file.seek(0)
    start = file.read(12)
    if start[:4] != b"RIFF" or start[8:12] != b"WAVE":
        return None
    riff_size, bytes_per_second, place = read_integer(start[4:8]), 0, 12
    for _chunk in range(MAX_CHUNKS):
        file.seek(place)
        name, size = file.read(4), read_integer(file.read(4))
        if name == b"data":
            return WavHeader(riff_size, place + 8, size, bytes_per_second)
        if name == b"fmt ":
            bytes_per_second = read_integer(file.read(12)[8:12])
        elif len(name) < 4:
            break
        place += 8 + size + size % 2
    return WavHeader(riff_size)


def read_integer(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


def is_known_length(length: int) -> bool:
    return 0 < length < UNKNOWN_FROM
