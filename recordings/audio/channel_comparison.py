"""Does each channel of a stereo recording carry a side of the call, or do both carry the same sound?

For the process that opens recordings: no Django here. Both carry the same sound where they rise and fall together, or
in exact opposition, and about equally loudly. What is heard of the other side as an echo is far weaker.
"""

from __future__ import annotations

import os
from typing import Any, Final

import av

SAME_FROM: Final = 0.9  # of correlation, in either direction; two people's speech has about none
LOUDER_BY: Final = 16.0  # times the energy: a side that is silent but for an echo is a side all the same


class ChannelComparison:
    """Gathers sums over stereo frames, so that memory stays flat however long the recording is."""

    def __init__(self) -> None:
        self._to_planes = _converter()
        self._count = 0
        self._sums = [0.0, 0.0]
        self._products = [0.0, 0.0, 0.0]  # left by left, right by right, left by right

    def add(self, frame: Any) -> None:
        try:
            planar = self._to_planes.resample(frame)
        except ValueError:  # the recording changes its rate or its channels on the way
            self._to_planes = _converter()
            planar = self._to_planes.resample(frame)
        for one in planar:
            left, right = (_samples(plane, one.samples) for plane in one.planes)
            self._count += one.samples
            self._sums[0] += float(left.sum())
            self._sums[1] += float(right.sum())
            for place, (one_side, other_side) in enumerate(((left, left), (right, right), (left, right))):
                self._products[place] += float(one_side @ other_side)

    @property
    def are_apart(self) -> bool:
        if not self._count:
            return False
        left, right, both = (
            product / self._count - self._sums[one] * self._sums[other] / self._count**2
            for product, (one, other) in zip(self._products, ((0, 0), (1, 1), (0, 1)), strict=True)
        )
        quieter, louder = sorted((max(0.0, left), max(0.0, right)))
        if louder < 1.0:  # nothing but silence
            return False
        return louder > LOUDER_BY * quieter or both**2 < SAME_FROM**2 * left * right


def _converter() -> Any:
    """To two planes of 16-bit samples, at the recording's own rate."""
    return av.AudioResampler(format="s16p", layout="stereo")


def _samples(plane: Any, count: int) -> Any:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # each thread's buffers would count against the memory limit
    import numpy as np  # here: few recordings are stereo, and the process starts faster without it

    return np.frombuffer(plane, np.int16, count).astype(np.float32)
