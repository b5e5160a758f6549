"""Reads a recording's file, unless it is still being written."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import BinaryIO, Final

from django.conf import settings

from ...audio.wav import read_wav_header
from .. import Interrupted, StillRecording

CHUNK_BYTES: Final = 1024 * 1024


def read_chunks(file: BinaryIO, start: int, before: os.stat_result) -> Iterator[bytes]:
    """Yield what the file had when it was opened. Raises `StillRecording` if it is being written, `Interrupted`."""
    if not is_settled(before):
        raise StillRecording
    try:
        wav = read_wav_header(file)
        if wav and wav.is_unfinished:
            raise StillRecording
        left = before.st_size - file.seek(start)
        while left > 0 and (chunk := file.read(min(CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk
        after = os.fstat(file.fileno())
    except OSError as error:
        raise Interrupted(reason_of(error)) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise StillRecording


def is_settled(status: os.stat_result) -> bool:
    """Has nobody written to the file for a while?

    Exchanges write in blocks: Asterisk one of 32 KB, which is 20 seconds of GSM. A time further in the future means
    that a clock is wrong, not that the call goes on.
    """
    return abs(time.time() - status.st_mtime) >= settings.RECORDINGS_SETTLE_SECONDS


def reason_of(error: OSError) -> str:
    """The system's message without the path, which its readers must not learn."""
    return error.strerror or str(error)
