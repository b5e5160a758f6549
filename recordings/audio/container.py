"""What is a file, and is all of it there? By what it holds and not by its name, read by FFmpeg's libraries.

For the process that opens recordings: no Django here. Each format says in its own way how long it is, and some don't;
what is said is compared with what could be decoded:

1. WAV: the lengths in its head, in bytes. See wav.py.
2. MP3: the number of frames in its first one (Xing, Info, VBRI), which an encoder that can go back writes; and its last
   frame must be whole.
3. FLAC, MP4, WebM: the duration in the head, where there is one. MP4's last sample must be whole.
4. Ogg: the last page must be whole, and marked as the last.
5. AMR, AAC: the last frame must be whole.
6. GSM and raw samples: the size must be a number of frames.
"""

from __future__ import annotations

import os
from typing import Any, BinaryIO, Final

import av

from recordings.audio.formats import RAW_BY_TYPE, TYPES
from recordings.audio.wav import read_wav_head

TOLERANCE: Final = 0.5  # seconds: encoders round, and count their padding or don't

_GSM_MARK: Final = 0xD  # half a byte before each frame; nothing else in a bare GSM file says what it is
_GSM_FRAME: Final = 33  # bytes
_GSM_IN_WAV: Final = "gsm_ms"  # browsers play no GSM, whatever is around it
_BEGINNINGS: Final = (b"RIFF", b"OggS", b"fLaC", b"ID3", b"#!AMR", b"\x1a\x45\xdf\xa3")
# Others are never tried: among FFmpeg's formats are lists of addresses, which it would go and fetch.
_OPENED: Final = ",".join(TYPES)

_LARGEST_OGG_PAGE: Final = 27 + 255 + 255 * 255
_OGG_IS_LAST: Final = 0x04


class SoundError(Exception):
    """Why a recording can't be read."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def open_container(file: BinaryIO, raw: str) -> Any:
    """With an audio stream in it. `raw` is the content type of samples without a head, empty for all else.

    Raises `SoundError`.
    """
    head = _head(file, 12)
    if not head:
        raise SoundError("empty")
    wav = read_wav_head(file)
    if wav and wav.data_start is None:
        raise SoundError("not_audio")  # FFmpeg would go through millions of empty chunks
    file.seek(0)
    name, options = _demuxer(head, raw)
    try:
        container = av.open(file, format=name, options=options, metadata_errors="ignore")
    except (av.FFmpegError, ValueError) as error:
        # An MP4 has its index at its end, where nobody has prepared it for being streamed.
        raise SoundError("truncated" if head[4:8] == b"ftyp" else "not_audio") from error
    streams = container.streams.audio
    if not streams or streams[0].codec_context is None or not _is_known(container, raw):
        container.close()
        raise SoundError("not_audio")
    return container


def type_of(container: Any, raw: str) -> str:
    """How HTTP calls it."""
    name = container.format.name
    if name not in TYPES:
        return raw
    return TYPES["gsm" if container.streams.audio[0].codec_context.name == _GSM_IN_WAV else name]


def is_cut_short(file: BinaryIO, container: Any, *, reached: float, last_packet: tuple[bytes, bool]) -> bool:
    """Is something missing at the end? `reached` is the second up to which the recording could be decoded."""
    size = file.seek(0, os.SEEK_END)
    last, last_is_whole = last_packet
    claimed = _claimed_seconds(file, container)
    if claimed is not None and reached < claimed - TOLERANCE:
        return True
    match container.format.name:
        case "wav":
            head = read_wav_head(file)
            return head is not None and head.is_longer_than(size)
        case "mp3":
            return len(last) < _mpeg_frame_bytes(last)
        case "ogg":
            return not _has_last_page(file, size)
        case "aac" | "amr" | "mov,mp4,m4a,3gp,3g2,mj2":
            return not last_is_whole
        case "gsm":
            return size % _GSM_FRAME != 0
        case "s16le":
            return size % 2 != 0
    return False


def _head(file: BinaryIO, size: int) -> bytes:
    file.seek(0)
    head = file.read(size)
    file.seek(0)
    return head


def _demuxer(head: bytes, raw: str) -> tuple[str | None, dict[str, str]]:
    """FFmpeg's name for the format, None where the file itself says it, and the options to open it with."""
    if raw and not head.startswith(_BEGINNINGS) and head[4:8] != b"ftyp":
        samples = RAW_BY_TYPE[raw]
        has_rate = samples.demuxer != "g722"
        return samples.demuxer, {"sample_rate": str(samples.rate)} if has_rate else {}
    if head[0] >> 4 == _GSM_MARK:
        return "gsm", {}
    return None, {"format_whitelist": _OPENED}


def _is_known(container: Any, raw: str) -> bool:
    name = container.format.name
    return name in TYPES or (bool(raw) and name == RAW_BY_TYPE[raw].demuxer)


def _claimed_seconds(file: BinaryIO, container: Any) -> float | None:
    """How long the recording says that it is; None where it doesn't, and FFmpeg would only guess by the size."""
    name, stream = container.format.name, container.streams.audio[0]
    if name in ("flac", "mov,mp4,m4a,3gp,3g2,mj2") or (name == "mp3" and _counts_its_frames(file)):
        return float(stream.duration * stream.time_base) if stream.duration else None
    if name == "matroska,webm" and len(container.streams) == 1:  # else it is that of the picture
        return container.duration / av.time_base if container.duration else None
    return None


# MP3


def _counts_its_frames(file: BinaryIO) -> bool:
    """Does the first frame of an MP3 say how many come after it?"""
    head = _head(file, 10)
    if head[:3] == b"ID3":
        tag = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        file.seek(10 + tag)
    frame = file.read(1024)
    for mark in (b"Xing", b"Info"):
        at = frame.find(mark)
        if at >= 0:
            flags, frames = frame[at + 4 : at + 8], frame[at + 8 : at + 12]
            return bool(int.from_bytes(flags, "big") & 1) and int.from_bytes(frames, "big") > 0
    return b"VBRI" in frame


_BITRATES: Final = {  # in kbit/s, by (is version 1, layer)
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES: Final = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by version


def _mpeg_frame_bytes(frame: bytes) -> int:
    """How long the frame says that it is; 0 when it doesn't."""
    head = int.from_bytes(frame[:4], "big")
    version, layer = head >> 19 & 3, 4 - (head >> 17 & 3)
    bitrate, rate, padding = head >> 12 & 15, head >> 10 & 3, head >> 9 & 1
    if len(frame) < 4 or head >> 21 != 0x7FF or version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return 0
    bits, hertz = 1000 * _BITRATES[version == 3, layer][bitrate], _RATES[version][rate]
    if layer == 1:
        return (12 * bits // hertz + padding) * 4
    return (72 if layer == 3 and version != 3 else 144) * bits // hertz + padding


# Ogg


def _has_last_page(file: BinaryIO, size: int) -> bool:
    file.seek(max(0, size - 2 * _LARGEST_OGG_PAGE))
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27:
        return False
    segments = page[27 : 27 + page[26]]
    is_whole = len(segments) == page[26] and len(page) >= 27 + page[26] + sum(segments)
    return is_whole and bool(page[5] & _OGG_IS_LAST)
