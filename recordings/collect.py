"""One run over one source: list its calls, fetch what isn't here, transcribe what has no words. No Celery here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, time, timedelta
from itertools import islice
from time import monotonic
from typing import Any, BinaryIO, Final, TypeVar, cast

from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from runs.exceptions import ItemFailed, RunStopped
from runs.progress import Progress
from runs.states import ItemStatus

from .download import adopt, fetch, sweep_parts
from .models import FETCHING, LIKELY_SECONDS, Call, Recording, RecordingRun
from .sources import Listed, Period, RecordingSource
from .sources.opening import open_source
from .transcription import Transcriber, is_loaded, transcriber

logger = logging.getLogger(__name__)

LISTED_AT_ONCE: Final = 100
LOADING_MINUTES: Final = 15.0
KEPT_EVERY: Final = 10.0  # seconds: of a long transcription, what a killed worker loses
JobType = RecordingRun.JobType
Tell = Callable[[float], None]  # how much of a step is done, from 0 to 1

T = TypeVar("T")


def collect(run: RecordingRun, progress: Progress) -> None:
    """Do what is left of the run, from wherever an earlier attempt left off."""
    ears = _ears(progress) if run.job_type == JobType.FULL else None  # first: it may have to be refused
    sweep_parts(run)
    with open_source(run.source.account(), wait=progress.wait) as source:
        if not run.selected and not run.cursor.get("listed"):
            enlist(run, progress, source)
            progress.checkpoint(listed=True)
        left = run.items.filter(status=ItemStatus.PENDING).order_by("pk")
        weight = sum(_weight(run, recording) for recording in _light(left))
        for recording in progress.track(
            _light(left), total=left.count(), weigh=lambda recording: _weight(run, recording), weight=weight
        ):
            handle(run, progress, source, ears, recording)
            progress.checkpoint()
        progress.note(current="", current_pct=None)


def _ears(progress: Progress) -> Transcriber:
    if is_loaded():
        return transcriber()
    with progress.allow_silence(minutes=LOADING_MINUTES):
        return transcriber()


def _light(left: QuerySet[Recording]) -> Iterator[Recording]:
    """Without holding a cursor open on the server: the work between two of them may take an hour."""
    for some in _batches(left.values_list("pk", flat=True), LISTED_AT_ONCE):
        found = left.model.objects.in_bulk(some)
        yield from (found[pk] for pk in some)


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(items)
    while some := list(islice(left, size)):
        yield some


def _weight(run: RecordingRun, recording: Recording) -> float:
    return recording.call.work_left(run.job_type) if recording.call else 0.0


# Listing


def enlist(run: RecordingRun, progress: Progress, source: RecordingSource) -> None:
    """Make the run's items as the source tells of them. Safe to repeat."""
    for some in _batches(source.calls(_period(run), run.direction), LISTED_AT_ONCE):
        progress.fenced(_enlist, run, some)
        progress.inside(0.0)  # and hear whether somebody asked to stop: it is done anew, and safe to repeat


def _enlist(run: RecordingRun, listed: Iterable[Listed]) -> None:
    calls = _known(run, [one for one in listed if not one.problem])
    Recording.objects.bulk_create(
        [Recording(run=run, key=one.call_id[:200], call=calls.get(one.call_id)) for one in listed],
        ignore_conflicts=True,
    )


def _known(run: RecordingRun, listed: list[Listed]) -> dict[str, Call]:
    """The business's calls by their IDs, made where they are new."""
    calls = Call.objects.bulk_create(
        [_call(run, one) for one in listed],
        update_conflicts=True,
        unique_fields=["business", "source", "call_id"],
        update_fields=["location"],  # the rest is known from before, or better
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
    )


def _period(run: RecordingRun) -> Period:
    """The run's days, both included, as the installation counts them."""
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
    ears: Transcriber | None,
    recording: Recording,
) -> None:
    """Do what the call lacks, and report it as done, skipped or failed. Nothing in it fails the run."""
    call = recording.call
    progress.note(current=str(call or recording.key), current_pct=0.0)
    if call is None:
        words = _("Neither the file's name nor a file beside it says what call this is.")
        progress.failed(recording.key, words, code="misnamed")
        return
    if not call.work_left(run.job_type) and not recording.begun:
        progress.skipped(recording.key, _("An earlier run has done this call."), code="known")
        return
    try:
        progress.fenced(recording.begin)
        _complete(run, progress, source, ears, call)
    except ItemFailed as error:
        progress.failed(recording.key, error, code=error.code)
    else:
        progress.done(recording.key)


def _complete(
    run: RecordingRun, progress: Progress, source: RecordingSource, ears: Transcriber | None, call: Call
) -> None:
    fetching = 0.0  # the share of the item that fetching is
    if not call.file and not adopt(progress, call):
        fetching = FETCHING if ears and not call.transcribed_at else 1.0
        weight, guess = call.work_left(run.job_type), call.duration or LIKELY_SECONDS
        fetch(run, progress, source, call, tell=lambda part: _tell(progress, fetching * part))
        progress.weigh(weight * (call.duration or guess) / guess)
    if ears and not call.transcribed_at:
        transcribe(run, progress, ears, call, tell=lambda part: _tell(progress, fetching + (1 - fetching) * part))


def _tell(progress: Progress, part: float) -> None:
    progress.note(current_pct=round(100 * part, 1))
    progress.inside(part)


def transcribe(run: RecordingRun, progress: Progress, ears: Transcriber, call: Call, *, tell: Tell) -> None:
    """Put the call into words, from where an interrupted attempt left off.

    Raises `ItemFailed`, and what `tell` raises.
    """
    segments: list[dict[str, Any]] = list(call.segments)
    language = call.language or run.source.language
    duration = call.duration or 1.0
    reached = call.transcribed_to
    kept_at = monotonic()
    try:
        with default_storage.open(str(call.file.name)) as stored:
            file = cast("BinaryIO", stored.file)
            for news in ears.transcribe(file, language=language, start=reached):
                reached, language = news.reached, news.language
                if news.segment:
                    segments.append(news.segment.as_json())
                if monotonic() >= kept_at + KEPT_EVERY:
                    progress.fenced(call.keep_part, segments, reached, language)
                    kept_at = monotonic()
                tell(min(1.0, reached / duration))
    except RunStopped:
        progress.fenced(call.keep_part, segments, reached, language)
        raise
    except RuntimeError as error:  # out of the model: its memory, its device, or a sound it can't bear
        logger.exception("Could not transcribe call %s", call.pk)
        raise ItemFailed(_("The recording could not be transcribed."), code="unexpected") from error
    if not segments:
        raise ItemFailed(_("Nothing is said in this recording."), code="silent")
    progress.fenced(call.keep_transcript, segments, language)
