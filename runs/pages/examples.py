"""An example run for every state that a card can show. They are never saved; verdicts come from the real rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ..api.run_json import serialize_run
from ..models import Run, run_types
from ..readers.queue_place import QueuePlace, WaitsFor
from ..states import ErrorCode, Status, StopRequest

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

_PARTIAL = {"total": 2400, "processed": 1416, "succeeded": 1398, "failed": 6, "skipped": 12, "progress_pct": 59.0}
_DONE = {**_PARTIAL, "processed": 2400, "succeeded": 2382, "progress_pct": 100.0, "status": Status.COMPLETED}
_STATES: dict[str, tuple[str | Promise, dict[str, Any]]] = {
    "queued": (
        _("Waiting for a worker"),
        {"status": Status.QUEUED, "total": None, "queue_place": QueuePlace(3, WaitsFor.SLOT)},
    ),
    "uncounted": (_("Working, total unknown"), {"processed": 1416, "succeeded": 1416, "rate": 11.8}),
    "working": (_("Working"), {**_PARTIAL, "rate": 11.8}),
    "quiet": (_("Quiet"), {**_PARTIAL, "rate": 11.8, "heartbeat_age": 83, "progress_age": 83}),
    "not_advancing": (_("Not advancing"), {**_PARTIAL, "rate": 11.8, "progress_age": 196}),
    "waiting": (
        _("Waiting for a provider"),
        {**_PARTIAL, "wait_left": 95, "waiting_reason": _("The daily limit is reached")},
    ),
    "pausing": (_("Pausing"), {**_PARTIAL, "rate": 11.8, "requested": StopRequest.PAUSE}),
    "cancelling": (_("Cancelling"), {**_PARTIAL, "rate": 11.8, "requested": StopRequest.CANCEL}),
    "paused": (_("Paused"), {**_PARTIAL, "status": Status.PAUSED}),
    "stale": (_("Stuck"), {**_PARTIAL, "status": Status.FAILED, "error_code": ErrorCode.STALE, "heartbeat_age": 341}),
    "failed": (
        _("Failed"),
        {
            **_PARTIAL,
            "status": Status.FAILED,
            "error_code": ErrorCode.WORKER_LOST,
            "error_message": "The worker died several times in a row. Retry to continue where the run stopped.",
        },
    ),
    "cancelled": (_("Cancelled"), {**_PARTIAL, "status": Status.CANCELLED}),
    "completed": (_("Completed"), {**_DONE, "succeeded": 2388, "failed": 0}),
    "imperfect": (_("Completed with failures"), _DONE),
    "offline": (_("No contact with the server"), {**_PARTIAL, "rate": 11.8}),
    "unknown": (_("No contact for longer than the threshold"), {**_PARTIAL, "rate": 11.8, "heartbeat_age": 290}),
}
# Seconds since the last contact, for the examples without contact with the server.
_CONTACT_AGE = {"offline": 40, "unknown": 60}


def make_examples() -> list[dict[str, Any]]:
    """Each with its `name`, `title`, `run` (as the API serializes it) and `contact_age` in seconds, or None."""
    return [
        {
            "name": name,
            "title": str(_STATES[name][0]),
            "run": serialize_run(run),
            "contact_age": _CONTACT_AGE.get(name),
        }
        for name, run in make_example_runs(example_type()).items()
    ]


def example_type() -> type[Run]:
    """The type that the page's own examples of HTML name, where it is installed."""
    models = {model.slug: model for model in run_types()}
    return models.get("receipt_sync") or next(iter(models.values()))


def make_example_runs(model: type[Run]) -> dict[str, Run]:
    """A run of this type for each state, by its name."""
    return {name: make_example(model, number, _STATES[name][1]) for number, name in enumerate(_STATES, 1)}


def make_example(model: type[Run], number: int, columns: dict[str, Any]) -> Run:
    """An instance as if `fetch_repaired` had read it."""
    read = {"heartbeat_age": 1.2, "progress_age": 1.2, "silence_left": None, "wait_left": None, "queue_place": None}
    read["queue_age"] = 48.0 if columns.get("status") == Status.QUEUED else None
    fields = {"pk": number, "business_id": 1, "status": Status.RUNNING, "attempt": 1, "worker": "worker@example"}
    run = model(**{**fields, **{name: value for name, value in columns.items() if name not in read}})
    for name, value in read.items():
        setattr(run, name, columns.get(name, value))
    run.server_now = NOW
    run.created_at = NOW - timedelta(seconds=135)
    if run.status != Status.QUEUED:
        run.started_at = NOW - timedelta(seconds=130)
        run.heartbeat_at = NOW - timedelta(seconds=run.heartbeat_age or 0)
    if not run.is_active:
        run.finished_at = NOW
    return run
