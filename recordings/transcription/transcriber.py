"""Transcribes a call with a faster-whisper model, one window of sound at a time.

Windows keep memory flat and the run's heartbeat going in an hour-long call. Every `Utterance` is a point from which an
interrupted transcription can continue.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from runs.text import clean

from ..audio.formats import SAMPLE_RATE
from ..audio.reader import Samples
from .turns import distribute_words, find_voiced_stretches

EDGE_SECONDS: Final = 0.5  # a sentence that ends closer to a window's end is taken to be cut by it


@dataclass(frozen=True)
class Segment:
    """Words with their `start` and `end`, in seconds from the beginning of the call.

    `turns` are the same words, split where the speaker paused; empty if turns were not looked for.
    """

    start: float
    end: float
    text: str
    turns: tuple[Segment, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"start": round(self.start, 2), "end": round(self.end, 2), "text": self.text}


@dataclass(frozen=True)
class Utterance:
    """Everything up to `reached` seconds is transcribed; the segment is None where nobody speaks.

    The language is empty until it is known, from the first speech.
    """

    reached: float
    language: str
    segment: Segment | None = None


class Transcriber:
    def __init__(self, model: Any) -> None:
        self.model = model

    def transcribe_call(
        self, windows: Iterator[Samples], *, language: str = "", start: float = 0.0
    ) -> Iterator[Utterance]:
        """Transcribe from `start` seconds on, where the first of the `windows` begins.

        Lazy: each segment is yielded as soon as the model has it. Without a `language`, it is detected at the first
        speech.
        """
        return self._transcribe_windows(windows, language, start, in_turns=False)

    def transcribe_side(self, windows: Iterator[Samples], *, language: str, start: float) -> Iterator[Utterance]:
        """Transcribe one side of a call in the same way, with the turns of each segment.

        What the other side says in a pause belongs between two turns.
        """
        return self._transcribe_windows(windows, language, start, in_turns=True)

    def _transcribe_windows(
        self, windows: Iterator[Samples], language: str, start: float, *, in_turns: bool
    ) -> Iterator[Utterance]:
        leftover: Samples | None = None
        at = start  # where `samples` begin
        for window, is_last in mark_last(windows):
            samples = window if leftover is None else np.concatenate([leftover, window])
            segments, info = self._run_model(samples, language)
            end = len(samples) / SAMPLE_RATE
            cut: float | None = None
            pending: Segment | None = None  # yielded once it is known to be complete
            for segment in segments:
                language = language or info.language
                if pending:
                    # Continue between the two segments: a bit of the last word may remain after the first one's end.
                    yield Utterance((pending.end + max(pending.end, at + segment.start)) / 2, language, pending)
                pending = Segment(at + segment.start, at + segment.end, clean(segment.text).strip())
                if in_turns:
                    sound = samples[int(segment.start * SAMPLE_RATE) : int(segment.end * SAMPLE_RATE)]
                    pending = replace(pending, turns=split_into_turns(pending, sound))
            if pending and not is_last and pending.start > at and pending.end > at + end - EDGE_SECONDS:
                cut, pending = pending.start - at, None  # transcribed again, complete, with the next window
            leftover = samples[int(cut * SAMPLE_RATE) :] if cut is not None else None
            at += end if cut is None else cut
            yield Utterance(at, language, pending)

    def _run_model(self, samples: Samples, language: str) -> tuple[Iterator[Any], Any]:
        segments, info = self.model.transcribe(
            samples,
            language=language or None,
            vad_filter=True,
            # In a telephone call, the text so far misleads the model: one error would be repeated in later sentences.
            condition_on_previous_text=False,
        )
        return iter(segments), info


def split_into_turns(segment: Segment, samples: Samples) -> tuple[Segment, ...]:
    """The segment's words, split where its speaker pauses."""
    stretches = find_voiced_stretches(samples, SAMPLE_RATE)
    texts = distribute_words(segment.text, stretches) if stretches else []
    return tuple(
        Segment(segment.start + first, segment.start + last, text)
        for (first, last), text in zip(stretches, texts, strict=True)
        if text
    )


def mark_last(windows: Iterator[Samples]) -> Iterator[tuple[Samples, bool]]:
    """Yield each window, and whether it is the last."""
    previous: Samples | None = None
    for window in windows:
        if previous is not None:
            yield previous, False
        previous = window
    if previous is not None:
        yield previous, True
