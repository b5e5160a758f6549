"""What is a recording, how long is it, and what does it sound like? Asked of a process that may die of it.

Recordings come from strangers, and FFmpeg's libraries are large: they run in a child (`recordings.audio.child`) under
limits of time and memory. Decoding runs there too: only samples come out of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, Self

import numpy as np
from django.conf import settings

from runs.children.bounded_child import BoundedChild
from runs.exceptions import ItemFailed

from ..problems import problem_words
from .formats import RAW_BY_TYPE

RATE: Final = 16_000  # samples a second, as the model hears
Samples = np.ndarray[Any, np.dtype[np.float32]]

# Of one request; none decodes more than a few minutes of sound, which take a second or two.
CPU_SECONDS: Final = 20.0
WALL_SECONDS: Final = 120.0
MEMORY_BYTES: Final = 500_000_000
CHECKED_AT_ONCE: Final = 600.0  # seconds of sound
HEARD_AT_ONCE: Final = 60.0
MOST_RESTARTS: Final = 3  # of the child, over one recording


@dataclass(frozen=True)
class Audio:
    content_type: str
    duration: float  # seconds
    channels: int  # that carry a sound of their own: 2 where each has a side of the call
    is_partial: bool  # something within it could not be decoded


class AudioReader:
    """Opens recordings, one at a time, in a child process that is started at the first one.

    Use it as a context manager: its end is the child's end. `raw` is the content type of samples without a head.
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
        self._child.close()

    def length(self, path: Path) -> float | None:
        """In seconds, as far as the file's head tells; whether it is sound is for later."""
        with suppress(ItemFailed):
            told, _sound = self._ask(do="length", path=str(path.absolute()), raw="")
            return told["seconds"]  # type: ignore[no-any-return]
        return None

    def check(self, path: Path, *, raw: str = "") -> Audio:
        """Decode the whole of it.

        Raises `ItemFailed` for an empty one, for one that is cut short or too long, and for what is no audio.
        """
        for told, _sound in self._read(path, raw, 0, seconds=CHECKED_AT_ONCE, with_sound=False):
            if told["at"] > settings.RECORDINGS_MAX_SECONDS:
                _fail("too_long")
            if told.get("problem"):
                _fail(told["problem"])
        return Audio(told["content_type"], round(told["at"], 3), told["channels"], told["is_partial"])

    def read_samples(
        self, path: Path, *, raw: str = "", channel: int = 0, start: float, window: float
    ) -> Iterator[Samples]:
        """The samples of a channel from `start` seconds on, some `window` seconds at a time.

        Two channels are read apart, the first of them (the left one) by default; any other number is mixed into one.
        Raises `ItemFailed` for what can't be decoded. Bytes that make no sense within it are passed over.
        """
        size = int(window * RATE)
        gathered: list[Any] = []
        count = 0
        for piece in self._pieces(path, raw, channel, int(start * RATE)):
            gathered.append(piece)
            count += len(piece)
            while count >= size:
                whole = np.concatenate(gathered)
                yield _floats(whole[:size])
                gathered, count = [whole[size:]], len(whole) - size
        if count:
            yield _floats(np.concatenate(gathered))

    def _pieces(self, path: Path, raw: str, channel: int, wanted: int) -> Iterator[Any]:
        """The samples from the one with the number `wanted` on."""
        for told, sound in self._read(path, raw, channel, seconds=HEARD_AT_ONCE, with_sound=True):
            fresh = np.frombuffer(sound, np.int16)[max(0, wanted - told["start"]) :]
            wanted = max(wanted, told["start"] + len(sound) // 2)
            yield fresh

    def _read(
        self, path: Path, raw: str, channel: int, *, seconds: float, with_sound: bool
    ) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Some seconds at a time, from the beginning to the end; again from the beginning where a child has died."""
        told: dict[str, Any] = {}
        at = restarts = 0
        while not told.get("ended"):
            told, sound = self._ask(
                do="read",
                path=str(path.absolute()),
                raw=raw,
                channel=channel,
                seconds=seconds,
                with_sound=with_sound,
                anew=not told,
            )
            restarts += told["at"] <= at
            if restarts > MOST_RESTARTS:
                _fail("damaged")
            at = told["at"]
            yield told, sound

    def _ask(self, **request: Any) -> tuple[dict[str, Any], bytes]:
        answer, _newline, sound = self._child.call(json.dumps(request).encode()).partition(b"\n")
        told: dict[str, Any] = json.loads(answer)
        if "error" in told:
            _fail(told["error"])
        return told, sound


def _fail(code: str) -> NoReturn:
    raise ItemFailed(problem_words(code), code=code)


def raw_type(content_type: str) -> str:
    """The content type where it is that of samples without a head, else nothing."""
    return content_type if content_type in RAW_BY_TYPE else ""


def _floats(samples: Any) -> Samples:
    floats: Samples = samples.astype(np.float32) / np.float32(32768)
    return floats
