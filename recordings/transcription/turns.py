"""Where somebody's turn in a call ends: what the other side says meanwhile belongs in between.

A speech model is given speech without its pauses, and may make one segment of what stands before and after a long one.
The times of single words would tell, but cost a tenth of a transcription. So the sound is looked at, and the words are
shared out by how long the voice is heard: the order of turns may then be off by a word, and no word is lost.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np

PAUSE: Final = 1.0  # seconds of silence after which somebody's turn is over
SHORTEST: Final = 0.5  # seconds of voice; less is what the model's times are off by
QUIET: Final = 0.1  # of how loud the voice is
FRAME: Final = 0.02  # seconds
SENTENCE: Final = 0.15  # of the text: so far is the end of a sentence preferred to that of any word

Stretch = tuple[float, float]


def voiced_stretches(samples: Any, rate: int) -> list[Stretch]:
    """Where a voice is heard, from and to, in seconds; short pauses are parts of it."""
    size = int(FRAME * rate)
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    if not len(frames):
        return []
    loudness = np.sqrt(np.mean(np.square(frames), axis=1))
    voiced = np.flatnonzero(loudness > QUIET * np.percentile(loudness, 95))
    if not len(voiced):
        return []
    gaps = np.flatnonzero(np.diff(voiced) > PAUSE / FRAME)
    firsts, lasts = voiced[np.append(0, gaps + 1)], voiced[np.append(gaps, -1)]
    stretches = [(float(first * FRAME), float((last + 1) * FRAME)) for first, last in zip(firsts, lasts, strict=True)]
    return [stretch for stretch in stretches if stretch[1] - stretch[0] >= SHORTEST] or stretches[:1]


def share_words(text: str, stretches: list[Stretch]) -> list[str]:
    """What is said in each stretch; all of the words, in their order."""
    words = text.split()
    ends = np.cumsum([len(word) for word in words]) / max(1, sum(map(len, words)))
    voice = np.cumsum([end - start for start, end in stretches])
    cuts = [0, *(_cut(words, ends, share) for share in voice[:-1] / voice[-1]), len(words)]
    return [" ".join(words[first:last]) for first, last in pairwise(np.maximum.accumulate(cuts))]


def _cut(words: list[str], ends: Any, share: float) -> int:
    """After how many words this share of the text is said, or nearly so at the end of a sentence."""
    is_last = [word.endswith((".", "?", "!")) for word in words]
    costs = [abs(end - share) - SENTENCE * last for end, last in zip(ends, is_last, strict=True)]
    return int(np.argmin([share, *costs]))
