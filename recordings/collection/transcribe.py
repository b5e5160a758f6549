"""Transcribes one call, channel by channel, and stores a draft on the way so that a killed worker loses seconds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Final

from django.utils.translation import gettext as _

from runs.exceptions import ItemFailed, RunStopped

from ..audio.formats import raw_type_or_empty
from ..audio.reader import AudioReader
from ..models import Call
from ..transcription.transcriber import Transcriber, Utterance
from .context import CollectionContext
from .draft import TranscriptDraft
from .stored_files import open_on_disk

logger = logging.getLogger(__name__)

WINDOW_SECONDS: Final = 180.0  # of sound for the model; the features of ten minutes would take a gigabyte
STORE_INTERVAL_SECONDS: Final = 10.0  # of a draft: what a killed worker loses


def transcribe_call(
    context: CollectionContext, transcriber: Transcriber, call: Call, *, report_share: Callable[[float], None]
) -> None:
    """Transcribe the call, continuing after an interrupted attempt. `report_share` gets how much is done, from 0 to 1.

    Raises `ItemFailed`, and what `report_share` raises.
    """
    progress = context.progress
    stored_at = monotonic()
    draft = TranscriptDraft(call, determine_channels(context, call))
    try:
        with open_on_disk(context.run, call, str(call.file.name)) as path:
            while not draft.is_complete:
                for utterance in transcribe_channel(context.reader, transcriber, call, path, draft):
                    draft.add_utterance(utterance)
                    if monotonic() >= stored_at + STORE_INTERVAL_SECONDS:
                        progress.fenced(draft.store_in, call)
                        stored_at = monotonic()
                    report_share(draft.done_share)
                draft.end_channel()
    except RunStopped:
        progress.fenced(draft.store_in, call)
        raise
    except RuntimeError as error:  # raised by the model: no memory, a lost device, or sound that it can't process
        logger.exception("Could not transcribe call %s", call.pk)
        raise ItemFailed(_("The recording could not be transcribed."), code="unexpected") from error
    progress.fenced(call.store_transcript, draft.segments_with_speakers(), draft.language)


def determine_channels(context: CollectionContext, call: Call) -> int:
    """How many channels are transcribed separately.

    It is unknown of recordings that were fetched before migration 0005: these are checked now. But a
    transcription that was begun as one channel ends as one.
    """
    if call.channels is None:
        channels = 1
        if not call.transcribed_to:
            with open_on_disk(context.run, call, str(call.file.name)) as path:
                audio = context.reader.check_recording(path, raw_type=raw_type_or_empty(call.content_type))
            channels = audio.channels
        context.progress.fenced(call.store_channels, channels)
    return call.channels or 1


def transcribe_channel(
    reader: AudioReader, transcriber: Transcriber, call: Call, path: Path, draft: TranscriptDraft
) -> Iterator[Utterance]:
    """Transcribe the draft's current channel from the second that the draft has reached."""
    windows = reader.read_samples(
        path,
        raw_type=raw_type_or_empty(call.content_type),
        channel=draft.channel,
        start=draft.reached,
        window=WINDOW_SECONDS,
    )
    transcribe = transcriber.transcribe_side if draft.has_sides else transcriber.transcribe_call
    return transcribe(windows, language=draft.language, start=draft.reached)
