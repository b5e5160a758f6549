"""Is the end of a recording missing? What the file claims is compared with what could be decoded.

Each format states its length in its own way, and some don't:

1. WAV: the lengths in its header, in bytes (`wav.py`).
2. MP3: the number of frames in its first one (Xing, Info, VBRI), which an encoder writes that can seek back; and its
   last frame must be complete (`mpeg.py`).
3. FLAC, MP4, WebM: the duration in the header, if there is one. MP4's last sample must be complete.
4. Ogg: the last page must be complete, and marked as the last (`ogg.py`).
5. AMR, AAC: the last frame must be complete.
6. GSM and raw samples: the size must be a multiple of the frame's.

For the child: no Django here.
"""

from __future__ import annotations

import os
from typing import Any, BinaryIO, Final

import av

from recordings.audio.mpeg import has_frame_count, measure_frame
from recordings.audio.ogg import has_last_page
from recordings.audio.wav import read_wav_header

TOLERANCE_SECONDS: Final = 0.5  # encoders round, and some count their padding
GSM_FRAME_BYTES: Final = 33


def is_truncated(file: BinaryIO, container: Any, *, reached: float, last_packet: tuple[bytes, bool]) -> bool:
    """`reached` is the second up to which the recording could be decoded."""
    size = file.seek(0, os.SEEK_END)
    last, is_last_complete = last_packet
    claimed = read_claimed_seconds(file, container)
    if claimed is not None and reached < claimed - TOLERANCE_SECONDS:
        return True
    match container.format.name:
        case "wav":
            header = read_wav_header(file)
            return header is not None and header.is_longer_than(size)
        case "mp3":
            return len(last) < measure_frame(last)
        case "ogg":
            return not has_last_page(file, size)
        case "aac" | "amr" | "mov,mp4,m4a,3gp,3g2,mj2":
            return not is_last_complete
        case "gsm":
            return size % GSM_FRAME_BYTES != 0
        case "s16le":
            return size % 2 != 0
    return False


def read_claimed_seconds(file: BinaryIO, container: Any) -> float | None:
    """The duration that the file states; None if it doesn't and FFmpeg would only estimate it by the size."""
    name, stream = container.format.name, container.streams.audio[0]
    if name in ("flac", "mov,mp4,m4a,3gp,3g2,mj2") or (name == "mp3" and has_frame_count(file)):
        return float(stream.duration * stream.time_base) if stream.duration else None
    if name == "matroska,webm" and len(container.streams) == 1:  # else the duration is the video's
        return container.duration / av.time_base if container.duration else None
    return None
