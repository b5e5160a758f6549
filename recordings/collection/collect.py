"""One run over one source: list its calls, fetch what isn't here, transcribe what has no words. No Celery here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, time, timedelta
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any, Final, TypeVar

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from runs.days import FIRST_DAY, LAST_DAY
from runs.exceptions import ItemFailed, RunRejected, RunStopped
from runs.progress import Progress
from runs.states import ItemStatus

from ..audio.reader import AudioReader, raw_type
from ..models import FETCHING, LIKELY_SECONDS, LONG_COLUMNS, Call, Recording, RecordingRun
from ..sources import LeftOut, Listed, Period, RecordingSource, StillRecording
from ..sources.opening import open_source
from ..sources.retries import outlast
from ..transcription import transcriber as transcription_module
from ..transcription.transcriber import Transcriber, Utterance, is_loaded, transcriber
from ..warnings import LeftOuts, add_left_out
from .download import adopt, fetch, on_disk, sweep_parts
from .draft import Draft

logger = logging.getLogger(__name__)

LISTED_AT_ONCE: Final = 100
LOADING_MINUTES: Final = 15.0
KEPT_EVERY: Final = 10.0  # seconds: of a long transcription, what a killed worker loses
JobType = RecordingRun.JobType
ReportShare = Callable[[float], None]  # how much of a step is done, from 0 to 1

T = TypeVar("T")


def collect(run: RecordingRun, progress: Progress) -> None:
    """Do what is left of the run, from wherever an earlier attempt left off."""
    # First: it may have to be refused.
    transcriber = _load_transcriber(progress) if run.job_type == JobType.FULL else None
    sweep_parts(run)
    with (
        AudioReader(beat=progress.beat) as reader,
        open_source(run.source.account(), wait=progress.wait, beat=progress.beat, length=reader.length) as source,
    ):
        if not run.selected and not run.cursor.get("listed"):
            outlast(lambda: enlist(run, progress, source), wait=progress.wait, is_proven=run.source.calls.exists())
            progress.checkpoint(listed=True)
        left = run.items.filter(status=ItemStatus.PENDING).order_by("pk")
        weight = sum(_weight(run, recording) for recording in _light(left))
        for recording in progress.track(
            _light(left), total=left.count(), weigh=lambda recording: _weight(run, recording), weight=weight
        ):
            handle(run, progress, source, reader, transcriber, recording)
            progress.checkpoint()
        progress.note(current="", current_pct=None)


def _load_transcriber(progress: Progress) -> Transcriber:
    if is_loaded():
        return transcriber()
    with progress.allow_silence(minutes=LOADING_MINUTES):
        return transcriber()


def _light(left: QuerySet[Recording]) -> Iterator[Recording]:
    """Without holding a cursor open on the server: the work between two of them may take an hour."""
    for some in _batches(left.values_list("pk", flat=True), LISTED_AT_ONCE):
        found = left.model.objects.in_bulk(some)
        yield from (found[pk] for pk in some if pk in found)  # or it was deleted meanwhile


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(items)
    while some := list(islice(left, size)):
        yield some


def _weight(run: RecordingRun, recording: Recording) -> float:
    return recording.call.work_left(run.job_type) if recording.call else 0.0


# Listing


def enlist(run: RecordingRun, progress: Progress, source: RecordingSource) -> None:
    """Make the run's items as the source tells of them. Safe to repeat."""
    left_out: LeftOuts = {}
    for some in _batches(source.calls(_period(run), run.direction), LISTED_AT_ONCE):
        listed = []
        for one in _examined(run, source, some):
            if isinstance(one, LeftOut):
                add_left_out(left_out, one)
            else:
                listed.append(one)
        progress.fenced(_enlist, run, listed)
        progress.inside(0.0)  # and hear whether somebody asked to stop: it is done anew, and safe to repeat
    progress.fenced(run.store_left_out, left_out)


def _examined(run: RecordingRun, source: RecordingSource, some: list[Listed | LeftOut]) -> Iterator[Listed | LeftOut]:
    """With only those looked into that are new or have grown: the others were, by an earlier run."""
    ids = [one.call_id for one in some if isinstance(one, Listed)]
    rows = Call.objects.filter(business=run.business_id, source=run.source_id, call_id__in=ids)
    known = {call.call_id: call for call in rows.defer(*LONG_COLUMNS)}
    for one in some:
        if isinstance(one, LeftOut) or one.problem or _is_here(known.get(one.call_id), one):
            yield one
        else:
            yield source.examine(one)


def _is_here(call: Call | None, listed: Listed) -> bool:
    return call is not None and bool(call.file) and (call.size or 0) >= (listed.size or 0)


def _enlist(run: RecordingRun, listed: Iterable[Listed]) -> None:
    calls = _get_or_create_calls(run, [one for one in listed if not one.problem])
    Recording.objects.bulk_create(
        [
            Recording(
                run=run,
                key=one.call_id,
                call=calls.get(one.call_id),
                error_code="misnamed" if one.problem else "",
                error_message=one.problem,
            )
            for one in listed
        ],
        ignore_conflicts=True,
    )


def _get_or_create_calls(run: RecordingRun, listed: list[Listed]) -> dict[str, Call]:
    """The business's calls by their IDs, made where they are new."""
    # An exchange may have the same call twice, as it was recorded and compressed.
    once = {one.call_id: one for one in listed}
    calls = Call.objects.bulk_create(
        [_call(run, one) for one in once.values()],
        update_conflicts=True,
        unique_fields=["business", "source", "call_id"],
        update_fields=["location", "size_at_source"],  # the rest is known from before, or better
    )
    return {call.call_id: call for call in calls}


def _call(run: RecordingRun, one: Listed) -> Call:
    return Call(
        business_id=run.business_id,
        source_id=run.source_id,
        call_id=one.call_id,
        location=one.location,
        direction=one.direction,
        number=one.number,
        started_at=one.started_at,
        duration=one.duration,
        size_at_source=one.size,
    )


def _period(run: RecordingRun) -> Period:
    """The run's days, both included, as the installation counts them. Raises `RunRejected`."""
    for day in (run.from_date, run.to_date):
        if day and not FIRST_DAY <= day <= LAST_DAY:
            raise RunRejected(_("The day %(day)s is too far away.") % {"day": day})
    return Period(
        since=_midnight(run.from_date) if run.from_date else None,
        until=_midnight(run.to_date + timedelta(days=1)) if run.to_date else None,
    )


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


# One recording


def handle(
    run: RecordingRun,
    progress: Progress,
    source: RecordingSource,
    reader: AudioReader,
    transcriber: Transcriber | None,
    recording: Recording,
) -> None:
    """Do what the call lacks, and report it as done, skipped or failed. Nothing in it fails the run."""
    call = recording.call
    progress.note(current=str(call or recording.key), current_pct=0.0)
    if call is None:
        words = recording.error_message or _("Neither the file's name nor a file beside it says what call this is.")
        progress.failed(recording.key, words, code="misnamed")
        return
    if not call.work_left(run.job_type) and not recording.begun:
        progress.skipped(recording.key, _("An earlier run has done this call."), code="known")
        return
    with progress.item(recording.key):
        progress.fenced(recording.begin)
        try:
            outlast(lambda: _complete(run, progress, source, reader, transcriber, call), wait=progress.wait)
        except StillRecording:
            words = _("This call is still being recorded: a later run takes it.")
            progress.skipped(recording.key, words, code="recording")


def _complete(
    run: RecordingRun,
    progress: Progress,
    source: RecordingSource,
    reader: AudioReader,
    transcriber: Transcriber | None,
    call: Call,
) -> None:
    fetching = 0.0  # the share of the item that fetching is
    if not call.is_fetched and not adopt(run, progress, reader, call):
        fetching = FETCHING if transcriber else 1.0
        weight, guess = call.work_left(run.job_type), call.duration or LIKELY_SECONDS
        fetch(run, progress, source, reader, call, report_share=lambda part: _report_part(progress, fetching * part))
        progress.weigh(weight * (call.duration or guess) / guess)
    if transcriber and not call.transcribed_at:
        transcribe(
            run,
            progress,
            reader,
            transcriber,
            call,
            report_share=lambda part: _report_part(progress, fetching + (1 - fetching) * part),
        )


def _report_part(progress: Progress, part: float) -> None:
    progress.note(current_pct=round(100 * part, 1))
    progress.inside(part)


def transcribe(
    run: RecordingRun,
    progress: Progress,
    reader: AudioReader,
    transcriber: Transcriber,
    call: Call,
    *,
    report_share: ReportShare,
) -> None:
    """Put the call into words, from where an interrupted attempt left off.

    Raises `ItemFailed`, and what `report_share` raises.
    """
    kept_at = monotonic()
    draft = Draft(call, _channels(run, progress, reader, call))
    try:
        with on_disk(run, call, str(call.file.name)) as path:
            while not draft.is_whole:
                for heard in _transcribe_channel(reader, transcriber, call, path, draft):
                    draft.add(heard)
                    if monotonic() >= kept_at + KEPT_EVERY:
                        progress.fenced(draft.store, call)
                        kept_at = monotonic()
                    report_share(draft.share)
                draft.end_channel()
    except RunStopped:
        progress.fenced(draft.store, call)
        raise
    except RuntimeError as error:  # out of the model: its memory, its device, or a sound it can't bear
        logger.exception("Could not transcribe call %s", call.pk)
        raise ItemFailed(_("The recording could not be transcribed."), code="unexpected") from error
    progress.fenced(call.store_transcript, draft.segments_with_speakers(), draft.language)


def _channels(run: RecordingRun, progress: Progress, reader: AudioReader, call: Call) -> int:
    """How many of them are heard apart.

    Recordings that were fetched before this was asked of them are looked at now; what was begun as one is ended as one.
    """
    if call.channels is None:
        channels = 1
        if not call.transcribed_to:
            with on_disk(run, call, str(call.file.name)) as path:
                channels = reader.check(path, raw=raw_type(call.content_type)).channels
        progress.fenced(call.store_channels, channels)
    return call.channels or 1


def _transcribe_channel(
    reader: AudioReader, transcriber: Transcriber, call: Call, path: Path, draft: Draft
) -> Iterator[Utterance]:
    """The words of the draft's channel, from where it goes on."""
    windows = reader.read_samples(
        path,
        raw=raw_type(call.content_type),
        channel=draft.channel,
        start=draft.reached,
        window=transcription_module.WINDOW,
    )
    transcribe_channel = transcriber.transcribe_side if draft.has_sides else transcriber.transcribe
    return transcribe_channel(windows, language=draft.language, start=draft.reached)
