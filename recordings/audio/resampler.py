"""Converts decoded frames to the samples that the speech model takes. For the child: no Django here."""

from __future__ import annotations

from typing import Any

import av

from recordings.audio.formats import SAMPLE_RATE


class ChannelResampler:
    """Makes 16-bit samples of one channel at `SAMPLE_RATE`.

    Two channels are never mixed: a sound that is on both with opposite signs would cancel out. Any other number is.
    """

    def __init__(self, *, is_stereo: bool, channel: int) -> None:
        self._layout = "stereo" if is_stereo else "mono"
        self._plane = channel if is_stereo else 0
        self._resampler = self._make_resampler()

    def convert_frame(self, frame: Any) -> list[bytes]:
        try:
            return self._extract_plane(self._resampler.resample(frame))
        except ValueError:  # the recording changes its rate or its channels in the middle
            rest = self.flush_samples()
            self._resampler = self._make_resampler()
            return rest + self._extract_plane(self._resampler.resample(frame))

    def flush_samples(self) -> list[bytes]:
        """The samples that are still buffered at the end."""
        return self._extract_plane(self._resampler.resample(None))

    def _make_resampler(self) -> Any:
        return av.AudioResampler(format="s16p", layout=self._layout, rate=SAMPLE_RATE)

    def _extract_plane(self, frames: list[Any]) -> list[bytes]:
        return [bytes(frame.planes[self._plane])[: 2 * frame.samples] for frame in frames]
