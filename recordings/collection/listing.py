"""Makes a run's items of the calls that its source lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Final, TypeVar

from runs.days import FIRST_DAY, LAST_DAY
from runs.exceptions import RunRejected
from runs.time_zones import midnight_of

from ..models import LONG_COLUMNS, Call, Recording, RecordingRun
from ..sources import LeftOut, ListedCall, Period, RecordingSource
from ..stored_messages import DAY_OUT_OF_RANGE
from ..warnings import LeftOuts, add_left_out
from .context import CollectionContext

CALLS_PER_BATCH: Final = 100

T = TypeVar("T")


def list_calls(context: CollectionContext) -> None:
    """List the source's calls and make an item of each. Safe to repeat."""
    run, progress = context.run, context.progress
    left_outs: LeftOuts = {}
    for batch in batched(context.source.list_calls(period_of(run), run.direction), CALLS_PER_BATCH):
        listed = []
        for entry in examine_new_calls(run, context.source, batch):
            if isinstance(entry, LeftOut):
                add_left_out(left_outs, entry)
            else:
                listed.append(entry)
        progress.fenced(create_items, run, listed)
        progress.inside(0.0)  # raises if the run is to stop: the listing is then repeated as a whole
    progress.fenced(run.store_left_out, left_outs)


def batched(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(rows)
    while batch := list(islice(rest, size)):
        yield batch


def examine_new_calls(
    run: RecordingRun, source: RecordingSource, batch: list[ListedCall | LeftOut]
) -> Iterator[ListedCall | LeftOut]:
    """Have the source open those recordings that are new or have grown; the others were examined by an earlier run."""
    ids = [entry.call_id for entry in batch if isinstance(entry, ListedCall)]
    calls = Call.objects.filter(business=run.business_id, source=run.source_id, call_id__in=ids)
    known = {call.call_id: call for call in calls.defer(*LONG_COLUMNS)}
    for entry in batch:
        if isinstance(entry, LeftOut) or entry.problem:
            yield entry
        else:
            call = known.get(entry.call_id)
            is_fetched = call is not None and bool(call.file) and (call.size or 0) >= (entry.size or 0)
            yield entry if is_fetched else source.examine_recording(entry)


def create_items(run: RecordingRun, listed: Iterable[ListedCall]) -> None:
    calls = upsert_calls(run, [entry for entry in listed if not entry.problem])
    Recording.objects.bulk_create(
        [
            Recording(
                run=run,
                key=entry.call_id,
                call=calls.get(entry.call_id),
                error_code="misnamed" if entry.problem else "",
                error_message=entry.problem,
            )
            for entry in listed
        ],
        ignore_conflicts=True,
    )


def upsert_calls(run: RecordingRun, listed: list[ListedCall]) -> dict[str, Call]:
    """The business's calls by their IDs; new ones are created."""
    # An exchange may have the same call twice, as it was recorded and compressed: one statement can't write both.
    unique = {entry.call_id: entry for entry in listed}
    calls = Call.objects.bulk_create(
        [
            Call(
                business_id=run.business_id,
                source_id=run.source_id,
                call_id=entry.call_id,
                location=entry.location,
                direction=entry.direction,
                number=entry.number,
                started_at=entry.started_at,
                duration=entry.duration,
                size_at_source=entry.size,
            )
            for entry in unique.values()
        ],
        update_conflicts=True,
        unique_fields=["business", "source", "call_id"],
        update_fields=["location", "size_at_source"],  # the other columns are as good as these, or better
    )
    return {call.call_id: call for call in calls}


def period_of(run: RecordingRun) -> Period:
    """The run's days, both included, in its business's time zone. Raises `RunRejected`."""
    zone = run.business.zone
    for day in (run.from_date, run.to_date):
        if day and not FIRST_DAY <= day <= LAST_DAY:
            raise RunRejected(DAY_OUT_OF_RANGE % {"day": day})
    return Period(
        since=midnight_of(run.from_date, zone) if run.from_date else None,
        until=midnight_of(run.to_date + timedelta(days=1), zone) if run.to_date else None,
    )
