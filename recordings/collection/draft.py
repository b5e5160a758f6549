"""A transcript in progress: one channel after the other, continuing after an interrupted attempt."""

from __future__ import annotations

from typing import Any

from ..models import Call
from ..transcription.speakers import Segments
from ..transcription.transcriber import Utterance


class TranscriptDraft:
    """The segments of a call so far. It can be stored after any utterance and continued from there.

    1. What is stored names a channel and a second: `segments` hold every word before that point, and none after it.
    2. So an attempt that continues there repeats no word and misses none, wherever the previous one was killed.
    3. Segments name their channel. The speakers are set at the end: the source's setting may change in between.
    """

    def __init__(self, call: Call, channels: int) -> None:
        self._duration = call.duration or 1.0
        self._speakers = call.source.speakers_by_channel(channels, call.direction)
        self.segments: Segments = list(call.segments)
        self.language = call.language or call.source.language
        self.channel = call.transcribed_channels
        self.reached = call.transcribed_to

    @property
    def is_complete(self) -> bool:
        return self.channel >= len(self._speakers)

    @property
    def has_sides(self) -> bool:
        """Is each channel a side of the call?"""
        return len(self._speakers) > 1

    @property
    def done_share(self) -> float:
        """How much of the work is done, from 0 to 1."""
        return min(1.0, (self.channel + min(1.0, self.reached / self._duration)) / len(self._speakers))

    def add_utterance(self, utterance: Utterance) -> None:
        self.reached, self.language = utterance.reached, utterance.language or self.language
        if utterance.segment:
            for turn in utterance.segment.turns or (utterance.segment,):
                self.segments.append({**turn.as_json(), "channel": self.channel})

    def end_channel(self) -> None:
        self.channel, self.reached = self.channel + 1, 0.0

    def segments_with_speakers(self) -> Segments:
        """The segments, with their speaker in place of their channel."""
        return [self._replace_channel(**segment) for segment in self.segments]

    def _replace_channel(self, channel: int | None = None, **segment: Any) -> dict[str, Any]:
        # A segment without a channel was stored by a version that had set its speaker already.
        return segment if channel is None else {**segment, "speaker": self._speakers[channel]}

    def store_in(self, call: Call) -> None:
        call.store_part(self.segments, self.reached, self.language, channels_done=self.channel)
