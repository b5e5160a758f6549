"""The headers of MPEG audio (MP3): the number of frames and the length of a frame. For the child: no Django here."""

from __future__ import annotations

from typing import BinaryIO, Final

BITRATES: Final = {  # in kbit/s, by (is version 1, layer)
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
SAMPLE_RATES: Final = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by version


def has_frame_count(file: BinaryIO) -> bool:
    """Does the first frame state how many follow it?"""
    file.seek(0)
    header = file.read(10)
    tag = 0
    if header[:3] == b"ID3":
        tag = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(header[6:10], (21, 14, 7, 0), strict=True))
    file.seek(tag)
    frame = file.read(1024)
    for mark in (b"Xing", b"Info"):
        at = frame.find(mark)
        if at >= 0:
            flags, frames = frame[at + 4 : at + 8], frame[at + 8 : at + 12]
            return bool(int.from_bytes(flags, "big") & 1) and int.from_bytes(frames, "big") > 0
    return b"VBRI" in frame


def measure_frame(frame: bytes) -> int:
    """The bytes that the frame's header claims; 0 if it is no header."""
    header = int.from_bytes(frame[:4], "big")
    version, layer = header >> 19 & 3, 4 - (header >> 17 & 3)
    bitrate, rate, padding = header >> 12 & 15, header >> 10 & 3, header >> 9 & 1
    if len(frame) < 4 or header >> 21 != 0x7FF or version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return 0
    bits, hertz = 1000 * BITRATES[version == 3, layer][bitrate], SAMPLE_RATES[version][rate]
    if layer == 1:
        return (12 * bits // hertz + padding) * 4
    return (72 if layer == 3 and version != 3 else 144) * bits // hertz + padding
