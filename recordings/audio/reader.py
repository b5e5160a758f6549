"""Checks and decodes recordings in a child process, which may die of them.

Recordings come from strangers and FFmpeg's libraries are large: a broken file may hang them, crash them or use up all
memory. So they run in `recordings.audio.child` under limits of time and memory, and only samples come back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from django.conf import settings

from runs.children.bounded_child import BoundedChild
from runs.exceptions import ItemFailed

from ..problems import recording_failure
from .formats import SAMPLE_RATE

Samples = np.ndarray[Any, np.dtype[np.float32]]

# The limits of one request; none decodes more than a few minutes of sound, which take a second or two.
CPU_SECONDS: Final = 20.0
WALL_SECONDS: Final = 120.0
MEMORY_BYTES: Final = 500_000_000
CHECK_CHUNK_SECONDS: Final = 600.0  # of sound, decoded by one request
READ_CHUNK_SECONDS: Final = 60.0
MAX_RESTARTS: Final = 3  # of the child, for one recording


@dataclass(frozen=True)
class Audio:
    content_type: str
    duration: float  # seconds
    channels: int  # with different sound: 2 if each has one side of the call
    is_partial: bool  # some of it could not be decoded


class AudioReader:
    """Opens recordings, one at a time, in a child process that the first one starts.

    A context manager: the child ends with it. `raw_type` is the content type of headerless samples, empty for others.
    """

    def __init__(self, *, beat: Callable[[], object] = lambda: None) -> None:
        self._child = BoundedChild(
            "recordings.audio.child",
            cpu_seconds=CPU_SECONDS,
            wall_seconds=WALL_SECONDS,
            memory_bytes=MEMORY_BYTES,
            beat=beat,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop_child()

    def stop_child(self) -> None:
        """End the child process; the next request starts another and loses nothing."""
        self._child.close()

    def read_duration(self, path: Path) -> float | None:
        """In seconds, as the file's header states it; only `check_recording` finds out whether that is true."""
        with suppress(ItemFailed):
            response, _samples = self._call_child(action="duration", path=str(path.absolute()), raw_type="")
            return response["seconds"]  # type: ignore[no-any-return]
        return None

    def check_recording(self, path: Path, *, raw_type: str = "") -> Audio:
        """Decode all of it.

        Raises `ItemFailed` for an empty recording, a truncated one, one that is too long, and a file without audio.
        """
        for part, _samples in self._decode_parts(path, raw_type, 0, seconds=CHECK_CHUNK_SECONDS, with_samples=False):
            if part["decoded"] > settings.RECORDINGS_MAX_SECONDS:
                raise recording_failure("too_long")
            if part.get("problem"):
                raise recording_failure(part["problem"])
        return Audio(part["content_type"], round(part["decoded"], 3), part["channels"], part["is_partial"])

    def read_samples(
        self, path: Path, *, raw_type: str = "", channel: int = 0, start: float, window: float
    ) -> Iterator[Samples]:
        """Yield the samples of a channel from `start` seconds on, `window` seconds at a time.

        Of two channels one is read, the first (left) one by default; any other number is mixed into one.
        Raises `ItemFailed` for a file that can't be decoded. Bytes within it that can't be decoded are skipped.
        """
        chunks = self._read_chunks(path, raw_type, channel, int(start * SAMPLE_RATE))
        for samples in regroup_samples(chunks, int(window * SAMPLE_RATE)):
            yield samples.astype(np.float32) / np.float32(32768)

    def _read_chunks(self, path: Path, raw_type: str, channel: int, position: int) -> Iterator[Any]:
        """Yield 16-bit samples from the one at `position` on, each once even if the child had to start over."""
        for part, body in self._decode_parts(path, raw_type, channel, seconds=READ_CHUNK_SECONDS, with_samples=True):
            new = np.frombuffer(body, np.int16)[max(0, position - part["start"]) :]
            position = max(position, part["start"] + len(body) // 2)
            yield new

    def _decode_parts(
        self, path: Path, raw_type: str, channel: int, *, seconds: float, with_samples: bool
    ) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Decode to the end, some seconds a request. A child that died makes the next one start over."""
        part: dict[str, Any] = {}
        decoded = restarts = 0
        while not part.get("is_last"):
            part, body = self._call_child(
                action="decode",
                path=str(path.absolute()),
                raw_type=raw_type,
                channel=channel,
                seconds=seconds,
                with_samples=with_samples,
                reopen=not part,
            )
            restarts += part["decoded"] <= decoded
            if restarts > MAX_RESTARTS:
                raise recording_failure("damaged")
            decoded = part["decoded"]
            yield part, body

    def _call_child(self, **request: Any) -> tuple[dict[str, Any], bytes]:
        header, _newline, body = self._child.call(json.dumps(request).encode()).partition(b"\n")
        response: dict[str, Any] = json.loads(header)
        if "error" in response:
            raise recording_failure(response["error"])
        return response, body


def regroup_samples(chunks: Iterable[Any], size: int) -> Iterator[Any]:
    """Yield the samples of all chunks in arrays of `size`; only the last one may be shorter."""
    pending: list[Any] = []
    count = 0
    for chunk in chunks:
        pending.append(chunk)
        count += len(chunk)
        while count >= size:
            joined = np.concatenate(pending)
            yield joined[:size]
            pending, count = [joined[size:]], len(joined) - size
    if count:
        yield np.concatenate(pending)
