"""Who speaks on which channel of a recording, and how both people's words become one transcript."""

from __future__ import annotations

import re
from typing import Any, Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..sources import Direction

Segments = list[dict[str, Any]]


class Speaker(models.TextChoices):
    """The business's side of a call, and the other one, whoever of them has dialled."""

    CALLER = "caller", _("Caller")
    AGENT = "agent", _("Agent")


class AgentChannel(models.TextChoices):
    """On which channel of a stereo recording a source has the business's side."""

    LEFT = "left", _("Left")
    RIGHT = "right", _("Right")


# At the beginning of a line, in place of a name: no words, so that nobody finds them by searching.
MARKS: Final = {Speaker.CALLER.value: "○", Speaker.AGENT.value: "●"}
_MARK: Final = re.compile(r"^([○●])(?= )", re.MULTILINE)


def speakers(channels: int, *, agent_channel: str, initiator_is_left: bool, direction: str) -> tuple[str, ...]:
    """Who is on each channel, the left one first; one channel is nobody's.

    Without an `agent_channel` it goes by the provider. Exchanges have the one who has dialled on the left: what the
    recorded telephone line received. Twilio has the parent call there, which is the other side's.
    """
    if channels < 2:
        return ("",)
    agent_is_left = (
        agent_channel == AgentChannel.LEFT if agent_channel else initiator_is_left and direction == Direction.OUTBOUND
    )
    left, right = (Speaker.AGENT, Speaker.CALLER) if agent_is_left else (Speaker.CALLER, Speaker.AGENT)
    return (left.value, right.value)


def merge_by_time(segments: Segments) -> Segments:
    """Of both channels, in the order in which they were begun; what was said at once stays."""
    return sorted(segments, key=lambda segment: (segment["start"], segment["end"]))


def transcript_of(segments: Segments) -> str:
    """A line for each segment, with a mark for who says it."""
    return "\n".join(f"{MARKS.get(one.get('speaker', ''), '')} {one['text']}".lstrip() for one in segments)


def name_speakers(transcript: str) -> str:
    """The transcript with names in place of marks, in the reader's language."""
    names = {mark: str(Speaker(speaker).label) for speaker, mark in MARKS.items()}
    return _MARK.sub(lambda mark: f"{names[mark[1]]}:", transcript)
