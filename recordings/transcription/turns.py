"""Splits what one side says into turns, so that the other side's words can be put between them.

A speech model drops the pauses from its input, and may make one segment of the words before and after a long one. Word
time stamps would tell them apart, but cost a tenth of a transcription. So pauses are found in the sound, and the words
are distributed by how long the voice is heard: a word may end up in the next turn, but none is lost.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np

PAUSE_SECONDS: Final = 1.0  # of silence end a turn
MIN_VOICE_SECONDS: Final = 0.5  # the model's times are off by as much
QUIET: Final = 0.1  # of the voice's loudness
FRAME_SECONDS: Final = 0.02
SENTENCE_SHARE: Final = 0.15  # of the text: within it, the end of a sentence is preferred to that of another word

Stretch = tuple[float, float]


def find_voiced_stretches(samples: Any, rate: int) -> list[Stretch]:
    """Start and end of each stretch with a voice, in seconds; a short pause doesn't end one."""
    size = int(FRAME_SECONDS * rate)
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    if not len(frames):
        return []
    loudness = np.sqrt(np.mean(np.square(frames), axis=1))
    voiced = np.flatnonzero(loudness > QUIET * np.percentile(loudness, 95))
    if not len(voiced):
        return []
    gaps = np.flatnonzero(np.diff(voiced) > PAUSE_SECONDS / FRAME_SECONDS)
    firsts, lasts = voiced[np.append(0, gaps + 1)], voiced[np.append(gaps, -1)]
    stretches = [
        (float(first * FRAME_SECONDS), float((last + 1) * FRAME_SECONDS))
        for first, last in zip(firsts, lasts, strict=True)
    ]
    return [stretch for stretch in stretches if stretch[1] - stretch[0] >= MIN_VOICE_SECONDS] or stretches[:1]


def distribute_words(text: str, stretches: list[Stretch]) -> list[str]:
    """The words of each stretch: all of the text, in its order."""
    words = text.split()
    ends = np.cumsum([len(word) for word in words]) / max(1, sum(map(len, words)))
    voice = np.cumsum([end - start for start, end in stretches])
    cuts = [0, *(count_words(words, ends, share) for share in voice[:-1] / voice[-1]), len(words)]
    return [" ".join(words[first:last]) for first, last in pairwise(np.maximum.accumulate(cuts))]


def count_words(words: list[str], ends: Any, share: float) -> int:
    """How many words make up this share of the text, or nearly this share up to the end of a sentence."""
    is_last = [word.endswith((".", "?", "!")) for word in words]
    costs = [abs(end - share) - SENTENCE_SHARE * last for end, last in zip(ends, is_last, strict=True)]
    return int(np.argmin([share, *costs]))
