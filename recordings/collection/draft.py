"""A transcript on its way: one channel after the other, from wherever an interrupted attempt left off."""

from __future__ import annotations

from typing import Any

from ..models import Call
from ..transcription.speakers import Segments
from ..transcription.transcriber import Utterance


class Draft:
    """The words of a call so far. What `part` tells at any moment can be kept and gone on from.

    1. Whatever is kept names the channel and the second up to which `segments` hold every word, and none beyond.
    2. So an attempt that goes on from there repeats no word and misses none, wherever the one before was killed.
    3. Segments name their channel. Who that is, is said at the end: a source's setting may change in between.
    """

    def __init__(self, call: Call, channels: int) -> None:
        self._duration = call.duration or 1.0
        self._speakers = call.source.speakers(channels, call.direction)
        self.segments: Segments = list(call.segments)
        self.language = call.language or call.source.language
        self.channel = call.transcribed_channels
        self.reached = call.transcribed_to

    @property
    def is_whole(self) -> bool:
        return self.channel >= len(self._speakers)

    @property
    def has_sides(self) -> bool:
        """Is each channel a side of the call?"""
        return len(self._speakers) > 1

    @property
    def share(self) -> float:
        """How much of the work is done, from 0 to 1."""
        return min(1.0, (self.channel + min(1.0, self.reached / self._duration)) / len(self._speakers))

    def add(self, heard: Utterance) -> None:
        self.reached, self.language = heard.reached, heard.language or self.language
        if heard.segment:
            for turn in heard.segment.turns or (heard.segment,):
                self.segments.append({**turn.as_json(), "channel": self.channel})

    def segments_with_speakers(self) -> Segments:
        """The segments, with who says them in place of their channel."""
        return [self._segment_with_speaker(**segment) for segment in self.segments]

    def _segment_with_speaker(self, channel: int | None = None, **segment: Any) -> dict[str, Any]:
        # Before channels were kept, an attempt has said who it is.
        return segment if channel is None else {**segment, "speaker": self._speakers[channel]}

    def end_channel(self) -> None:
        self.channel, self.reached = self.channel + 1, 0.0

    def store(self, call: Call) -> None:
        call.store_part(self.segments, self.reached, self.language, channels_done=self.channel)
