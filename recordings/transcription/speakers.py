"""Who speaks on which channel of a recording, and how the words of both sides become one transcript."""

from __future__ import annotations

import re
from typing import Any, Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..sources import Direction

Segments = list[dict[str, Any]]


class Speaker(models.TextChoices):
    """The agent is the business's side, the caller the other one, no matter which of them dialled."""

    CALLER = "caller", _("Caller")
    AGENT = "agent", _("Agent")


class AgentChannel(models.TextChoices):
    """The channel of a source's stereo recordings that has the business's side."""

    LEFT = "left", _("Left")
    RIGHT = "right", _("Right")


# At the beginning of a line in place of the speaker's name: not words, so that a search doesn't find them.
SPEAKER_MARKS: Final = {Speaker.CALLER.value: "○", Speaker.AGENT.value: "●"}
LINE_MARK: Final = re.compile(r"^([○●])(?= )", re.MULTILINE)


def speakers_by_channel(
    channels: int, *, agent_channel: str, initiator_is_left: bool, direction: str
) -> tuple[str, ...]:
    """The speaker of each channel, the left one first; unknown ("") if there is only one channel.

    Without an `agent_channel`, the provider's convention decides. Exchanges put whoever dialled on the left: the sound
    that the recorded line received. Twilio puts the parent call there, which is the other side's.
    """
    if channels < 2:
        return ("",)
    agent_is_left = (
        agent_channel == AgentChannel.LEFT if agent_channel else initiator_is_left and direction == Direction.OUTBOUND
    )
    left, right = (Speaker.AGENT, Speaker.CALLER) if agent_is_left else (Speaker.CALLER, Speaker.AGENT)
    return (left.value, right.value)


def merge_by_time(segments: Segments) -> Segments:
    """The segments of both channels, ordered by their start. Simultaneous speech is kept as it is."""
    return sorted(segments, key=lambda segment: (segment["start"], segment["end"]))


def format_transcript(segments: Segments) -> str:
    """A line for each segment, beginning with its speaker's mark."""
    return "\n".join(
        f"{SPEAKER_MARKS.get(segment.get('speaker', ''), '')} {segment['text']}".lstrip() for segment in segments
    )


def name_speakers(transcript: str) -> str:
    """The transcript with names in place of marks, in the reader's language."""
    names = {mark: str(Speaker(speaker).label) for speaker, mark in SPEAKER_MARKS.items()}
    return LINE_MARK.sub(lambda mark: f"{names[mark[1]]}:", transcript)
