"""Does each channel of a stereo recording carry one side of the call, or do both carry the same sound?

For the child process: no Django here. Two channels have the same sound if they are strongly correlated, with equal or
opposite signs, and about equally loud. An echo of the other side is far quieter.
"""

from __future__ import annotations

import os
from typing import Any, Final

import av

# Before numpy is imported: its OpenBLAS allocates a buffer for each thread, which counts against the memory limit of
# the child process.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

SAME_CORRELATION: Final = 0.9  # or more, with either sign; the speech of two people has almost none
LOUDER_BY: Final = (
    16.0  # times the energy: then the quieter channel is the other side, though only an echo may be in it
)


class ChannelComparison:
    """Sums over stereo frames, so that memory stays flat however long the recording is."""

    def __init__(self) -> None:
        self._to_planes = make_plane_converter()
        self._count = 0
        self._sums = [0.0, 0.0]
        self._products = [0.0, 0.0, 0.0]  # left by left, right by right, left by right

    def add_frame(self, frame: Any) -> None:
        try:
            planar = self._to_planes.resample(frame)
        except ValueError:  # the recording changes its rate or its channels in the middle
            self._to_planes = make_plane_converter()
            planar = self._to_planes.resample(frame)
        for part in planar:
            left, right = (read_samples(plane, part.samples) for plane in part.planes)
            self._count += part.samples
            self._sums[0] += float(left.sum())
            self._sums[1] += float(right.sum())
            for index, (first, second) in enumerate(((left, left), (right, right), (left, right))):
                self._products[index] += float(first @ second)

    @property
    def are_different(self) -> bool:
        if not self._count:
            return False
        left, right, both = (
            product / self._count - self._sums[first] * self._sums[second] / self._count**2
            for product, (first, second) in zip(self._products, ((0, 0), (1, 1), (0, 1)), strict=True)
        )
        quieter, louder = sorted((max(0.0, left), max(0.0, right)))
        if louder < 1.0:  # both are silent
            return False
        return louder > LOUDER_BY * quieter or both**2 < SAME_CORRELATION**2 * left * right


def make_plane_converter() -> Any:
    """A resampler to two planes of 16-bit samples, at the recording's own rate."""
    return av.AudioResampler(format="s16p", layout="stereo")


def read_samples(plane: Any, count: int) -> Any:
    return np.frombuffer(plane, np.int16, count).astype(np.float32)
