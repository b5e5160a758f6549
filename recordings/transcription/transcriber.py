"""Speech to text by faster-whisper, a window of the call at a time.

Windows keep memory flat and the run alive in an hour-long call. What has been heard up to any moment that
is told of can be kept, and gone on from.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext as _

from runs.exceptions import RunRejected
from runs.text import clean

from ..audio.reader import RATE, Samples
from .turns import share_words, voiced_stretches

logger = logging.getLogger(__name__)

WINDOW: Final = 180.0  # seconds; the features of ten minutes would take a gigabyte
NEAR_THE_EDGE: Final = 0.5  # seconds: a sentence that ends closer was cut by the window's end

_loading = threading.Lock()


@dataclass(frozen=True)
class Segment:
    """Some words; `start` and `end` in seconds from the beginning of the call.

    Its `turns` are the same words, cut where the speaker fell silent; empty where nobody looked.
    """

    start: float
    end: float
    text: str
    turns: tuple[Segment, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"start": round(self.start, 2), "end": round(self.end, 2), "text": self.text}


@dataclass(frozen=True)
class Utterance:
    """All up to `reached` seconds is settled; with a segment where something was said.

    The language is empty until something was said that it can be told by.
    """

    reached: float
    language: str
    segment: Segment | None = None


class Transcriber:
    def __init__(self, model: Any) -> None:
        self._model = model

    def transcribe(self, windows: Iterator[Samples], *, language: str = "", start: float = 0.0) -> Iterator[Utterance]:
        """The words of a call from `start` seconds on, where the first of the `windows` begins.

        Lazy: each segment comes as soon as it is heard. Without a `language`, it is detected where somebody first
        speaks.
        """
        return self._transcribe(windows, language, start, in_turns=False)

    def transcribe_side(self, windows: Iterator[Samples], *, language: str, start: float) -> Iterator[Utterance]:
        """The words of one side of a call, the same way.

        Its segments know their turns: what the other side says meanwhile belongs in between.
        """
        return self._transcribe(windows, language, start, in_turns=True)

    def _transcribe(
        self, windows: Iterator[Samples], language: str, start: float, *, in_turns: bool
    ) -> Iterator[Utterance]:
        rest: Samples | None = None
        at = start  # where the samples in hand begin
        for fresh, is_last in _mark_last(windows):
            samples = _joined(rest, fresh)
            segments, info = self._listen(samples, language)
            end = len(samples) / RATE
            cut: float | None = None
            held: Segment | None = None  # told only once it is known to be whole
            for segment in segments:
                language = language or info.language
                if held:
                    # Between the two: where the first ends exactly, a bit of its last word may be left.
                    yield Utterance((held.end + max(held.end, at + segment.start)) / 2, language, held)
                held = Segment(at + segment.start, at + segment.end, clean(segment.text).strip())
                if in_turns:
                    said = samples[int(segment.start * RATE) : int(segment.end * RATE)]
                    held = replace(held, turns=_turns(held, said))
            if held and not is_last and held.start > at and held.end > at + end - NEAR_THE_EDGE:
                cut, held = held.start - at, None  # heard again, whole, with the next window
            rest = samples[int(cut * RATE) :] if cut is not None else None
            at += end if cut is None else cut
            yield Utterance(at, language, held)

    def _listen(self, samples: Samples, language: str) -> tuple[Iterator[Any], Any]:
        segments, info = self._model.transcribe(
            samples,
            language=language or None,
            vad_filter=True,
            # A call's repetitions are the line's, not a story's: a slip is not carried on to the next sentence.
            condition_on_previous_text=False,
        )
        return iter(segments), info


def _turns(segment: Segment, samples: Samples) -> tuple[Segment, ...]:
    """The segment, cut where its speaker falls silent."""
    stretches = voiced_stretches(samples, RATE)
    texts = share_words(segment.text, stretches) if stretches else []
    return tuple(
        Segment(segment.start + first, segment.start + last, text)
        for (first, last), text in zip(stretches, texts, strict=True)
        if text
    )


def transcriber() -> Transcriber:
    """The process's own, its model loaded at the first call (seconds to minutes, without a beat).

    Raises `RunRejected`, saying what to install or set.
    """
    with _loading:
        return Transcriber(_loaded(settings.WHISPER_MODEL))


def is_loaded() -> bool:
    return bool(_loaded.cache_info().currsize)


@lru_cache(maxsize=1)
def _loaded(name: str) -> Any:
    if find_spec("faster_whisper") is None:
        raise RunRejected(_("Transcribing needs the package faster-whisper on the worker: pip install faster-whisper."))
    if not name:
        raise RunRejected(
            _(
                "No speech model is configured. Set WHISPER_MODEL to a size (such as “small”), to the folder of a"
                " CTranslate2 model, or to the name of one on the Hugging Face hub; or choose to download only."
            )
        )
    # Here and not above: they take a second and 60 MB that only a worker that transcribes should pay.
    import ctranslate2
    from faster_whisper import WhisperModel

    device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
    try:
        return WhisperModel(
            name,
            device=device,
            compute_type=settings.WHISPER_COMPUTE_TYPE or ("float16" if device == "cuda" else "int8"),
            cpu_threads=settings.WHISPER_THREADS,
        )
    except Exception as error:
        # A name that the hub doesn't know, no network, a folder of something else: each fails in its own way.
        logger.exception("Could not load the model %s", name)
        raise RunRejected(
            _(
                "The speech model %(name)s can't be loaded. Set WHISPER_MODEL to one that is on the worker's machine"
                " or that it can download; or choose to download only."
            )
            % {"name": name}
        ) from error


def _mark_last(windows: Iterator[Samples]) -> Iterator[tuple[Samples, bool]]:
    """Each window, and whether it is the last."""
    held: Samples | None = None
    for window in windows:
        if held is not None:
            yield held, False
        held = window
    if held is not None:
        yield held, True


def _joined(rest: Samples | None, fresh: Samples) -> Samples:
    if rest is None:
        return fresh
    import numpy as np

    joined: Samples = np.concatenate([rest, fresh])
    return joined
