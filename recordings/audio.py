"""What is a file, and what does it sound like? Read by FFmpeg's libraries, whatever its name says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import av
import numpy as np
from django.utils.translation import gettext as _

from runs.exceptions import ItemFailed

from .audio_types import TYPES

RATE: Final = 16_000  # samples a second, as the model hears
Samples = np.ndarray[Any, np.dtype[np.float32]]

_GSM_MARK: Final = 0xD  # half a byte before each frame; nothing else in a bare GSM file says what it is
_GSM_IN_WAV: Final = "gsm_ms"  # browsers play no GSM, whatever is around it


@dataclass(frozen=True)
class Audio:
    content_type: str
    duration: float  # seconds


def recognised(file: BinaryIO) -> Audio:
    """Raises `ItemFailed` for an empty, a truncated, and what is no audio."""
    size = file.seek(0, os.SEEK_END)
    if not size:
        raise ItemFailed(_("The recording is empty."), code="empty")
    with _opened(file) as container:
        stream = container.streams.audio[0]
        kind = TYPES[container.format.name]
        if stream.codec_context.name == _GSM_IN_WAV:
            kind = TYPES["gsm"]
        duration = _duration(container, stream)
    if _is_cut_short(file, size):
        raise ItemFailed(_("The recording is cut short: its file is smaller than its header says."), code="truncated")
    if not duration:
        raise ItemFailed(_("The recording is empty."), code="empty")
    return Audio(kind, duration)


def length(path: Path) -> float | None:
    """In seconds, as far as the file's head tells; whether it is sound is for later."""
    with suppress(ItemFailed, OSError), path.open("rb") as file, _opened(file) as container:
        return _duration(container, container.streams.audio[0])
    return None


def heard(file: BinaryIO, *, start: float, window: float) -> Iterator[Samples]:
    """The samples from `start` seconds on, in one channel, some `window` seconds at a time.

    Raises `ItemFailed` for what can't be decoded. Bytes that make no sense within it are passed over.
    """
    skip = int(start * RATE)
    size = int(window * RATE)
    gathered: list[Any] = []
    count = 0
    with _opened(file) as container:
        for piece in _resampled(container):
            fresh = piece[skip:]
            skip -= min(skip, len(piece))
            gathered.append(fresh)
            count += len(fresh)
            if count >= size:
                whole = np.concatenate(gathered)
                yield _floats(whole[:size])
                gathered, count = [whole[size:]], len(whole) - size
    if count:
        yield _floats(np.concatenate(gathered))


@contextmanager
def _opened(file: BinaryIO) -> Iterator[Any]:
    file.seek(0)
    head = file.read(1)
    file.seek(0)
    is_gsm = bool(head) and head[0] >> 4 == _GSM_MARK
    try:
        container = av.open(file, format="gsm" if is_gsm else None, metadata_errors="ignore")
    except (av.FFmpegError, ValueError) as error:
        raise ItemFailed(_("The file is no recording of sound."), code="not_audio") from error
    with container:
        streams = container.streams.audio
        if container.format.name not in TYPES or not streams or streams[0].codec_context is None:
            raise ItemFailed(_("The file is no recording of sound."), code="not_audio")
        try:
            yield container
        except av.FFmpegError as error:
            raise ItemFailed(_("The recording is damaged."), code="damaged") from error


def _duration(container: Any, stream: Any) -> float | None:
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


def _is_cut_short(file: BinaryIO, size: int) -> bool:
    """A WAV says how long it is; when the rest is missing, decoders pass over it in silence."""
    file.seek(0)
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return False
    said = int.from_bytes(head[4:8], "little")
    streamed = said in (0, 0xFFFFFFFF, 0xFFFFFFFF - 8)  # written to a pipe, its length was never known
    return not streamed and size + 1 < said + 8  # the last byte may be padding


def _resampled(container: Any) -> Iterator[Any]:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    for frame in _frames(container):
        for resampled in resampler.resample(frame):
            yield resampled.to_ndarray()[0]
    for resampled in resampler.resample(None):
        yield resampled.to_ndarray()[0]


def _frames(container: Any) -> Iterator[Any]:
    frames = container.decode(audio=0)
    while True:
        try:
            frame = next(frames)
        except StopIteration:
            return
        except av.error.InvalidDataError:
            continue
        frame.pts = None  # gaps in the time stamps are none in the sound
        yield frame


def _floats(samples: Any) -> Samples:
    floats: Samples = samples.astype(np.float32) / np.float32(32768)
    return floats
