"""The timelines of all runs of a type, in one pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, Final

from runs.models import Run
from runs.states import ErrorCode, Status

PEOPLE: Final = ("person", "staff", "command")
TAKEN_AWAY: Final = (ErrorCode.STALE, ErrorCode.WORKER_LOST, ErrorCode.RESET)

_COLUMNS: Final = (
    *("status", "attempt", "processed", "total", "error_code", "heartbeat_at", "pgh_created_at", "pgh_context"),
    *("pgh_obj__status", "pgh_obj__attempt", "pgh_obj__processed"),
)


@dataclass(frozen=True)
class Change:
    """A run was made, or changed its status. Times are in seconds of the database's clock."""

    status: str
    attempt: int
    processed: int
    total: int | None
    error_code: str
    heartbeat_at: float | None
    at: float
    actor: str  # its kind; empty where it wasn't recorded
    reason: str

    @property
    def is_by_person(self) -> bool:
        return self.actor in PEOPLE

    @property
    def is_final_flush(self) -> bool:
        """Did the attempt itself end? Its last flush writes heartbeat and status together."""
        if self.error_code in TAKEN_AWAY:
            return False
        return self.heartbeat_at is not None and self.heartbeat_at >= self.at


@dataclass(frozen=True)
class History:
    """One run: its changes, oldest first, and its row as it is now."""

    model: type[Run]
    run: int
    changes: list[Change]
    status: str
    attempt: int
    processed: int

    def __str__(self) -> str:
        return f"{self.model.slug} {self.run}"

    def pairs(self) -> Iterator[tuple[Change, Change]]:
        return pairwise(self.changes)

    def departures(self) -> Iterator[Change]:
        """The changes by which attempts ended, in their order."""
        return (after for before, after in self.pairs() if before.status == Status.RUNNING)


def events_of(model: type[Run]) -> Any:
    """The changes of all runs of the type, as a queryset."""
    events: Any = model.events.rel.related_model  # the related manager's descriptor, made by `record_changes()`
    return events._default_manager.all()


def histories(model: type[Run]) -> Iterator[History]:
    rows = events_of(model).order_by("pgh_obj", "pgh_id").values_list("pgh_obj", *_COLUMNS)
    for run, group in groupby(rows.iterator(), key=lambda row: row[0]):
        of_run = list(group)
        yield History(model, run, [_change(row) for row in of_run], *of_run[-1][-3:])


def _change(row: Any) -> Change:
    _run, status, attempt, processed, total, error_code, heartbeat_at, at, context, *_now = row
    context = context or {}
    return Change(
        status=status,
        attempt=attempt,
        processed=processed,
        total=total,
        error_code=error_code,
        heartbeat_at=heartbeat_at.timestamp() if heartbeat_at else None,
        at=at.timestamp(),
        actor=(context.get("actor") or {}).get("kind", ""),
        reason=context.get("reason") or "",
    )
