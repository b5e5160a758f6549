"""One run over one source: list its calls, then fetch and transcribe one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone

from runs.progress import Progress
from runs.states import ItemStatus

from ..audio.reader import AudioReader
from ..models import Recording, RecordingRun
from ..sources.opening import open_source
from ..sources.retries import SourceOutage
from ..transcription.speech_model import is_model_loaded, load_transcriber
from ..transcription.transcriber import Transcriber
from .context import CollectionContext
from .listing import batched, list_calls
from .process import process_recording
from .stored_files import remove_part_files

ITEMS_PER_QUERY: Final = 100
LOADING_MINUTES: Final = 15.0


def collect(run: RecordingRun, progress: Progress) -> None:
    """Do what is left of the run, continuing after an earlier attempt."""
    # First of all: without a model the run is rejected before anything is fetched.
    transcriber = prepare_transcriber(progress) if run.job_type == RecordingRun.JobType.FULL else None
    remove_part_files(run)
    outage = SourceOutage(progress)
    with (
        timezone.override(run.business.zone),  # in which times at the source are that name no zone
        AudioReader(beat=progress.beat) as reader,
        open_source(
            run.source.account(),
            wait=outage.wait_between_tries,
            beat=progress.beat,
            read_duration=reader.read_duration,
        ) as source,
    ):
        context = CollectionContext(run, progress, source, outage, reader, transcriber)
        if not run.selected and not run.cursor.get("listed"):
            has_been_reached = run.source.calls.exists()
            outage.retry_while_source_is_away(lambda: list_calls(context), has_been_reached=has_been_reached)
            progress.checkpoint(listed=True)
        progress.reload_counts()  # the pending items are what remains
        pending = run.items.filter(status=ItemStatus.PENDING).order_by("pk")
        total_weight = sum(map(context.weigh_recording, iterate_recordings(pending)))
        for recording in progress.track(
            iterate_recordings(pending), total=pending.count(), weigh=context.weigh_recording, weight=total_weight
        ):
            process_recording(context, recording)
            progress.checkpoint()
        progress.note(current="", current_pct=None)


def prepare_transcriber(progress: Progress) -> Transcriber:
    """The transcriber. While its model is loaded there is no heartbeat, which the run announces."""
    if is_model_loaded():
        return load_transcriber()
    with progress.allow_silence(minutes=LOADING_MINUTES):
        return load_transcriber()


def iterate_recordings(pending: QuerySet[Recording]) -> Iterator[Recording]:
    """Yield the items by single queries: a server-side cursor would stay open for hours of work between two of them."""
    for pks in batched(pending.values_list("pk", flat=True), ITEMS_PER_QUERY):
        recordings = pending.model.objects.in_bulk(pks)
        yield from (recordings[pk] for pk in pks if pk in recordings)  # others were deleted meanwhile
