"""A run's attempts with the waits between them, read from its changes of status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..models import Run
from ..states import Status
from .labels import REASONS

WAITING = (Status.QUEUED, Status.PAUSED)


@dataclass(frozen=True)
class Span:
    """One status, for as long as the run was in it."""

    status: Status
    began: datetime
    ended: datetime  # for a status that goes on: now

    @property
    def seconds(self) -> float:
        return (self.ended - self.began).total_seconds()


@dataclass(frozen=True)
class Attempt:
    number: int | None  # None: the run waits for its next attempt
    waits: Sequence[Span]  # before it, queued or paused
    work: Span | None
    worker: str = ""
    left_for: Status | None = None  # the status in which it left the run; None while it goes on
    reason: Any = ""  # why, in the reader's language
    processed: int = 0  # items at its end, or now

    @property
    def began(self) -> datetime:
        return self.waits[0].began if self.waits else self.work.began  # type: ignore[union-attr]  # it has one of both

    @property
    def ended(self) -> datetime:
        return self.work.ended if self.work else self.waits[-1].ended


def attempts_of(run: Run, events: Sequence[Any]) -> list[Attempt]:
    """Oldest first. `events`: the run's, oldest first; the run is from `fetch_repaired`."""
    attempts: list[Attempt] = []
    waits: list[Span] = []
    for event, after in zip(events, [*events[1:], None], strict=True):
        span = Span(Status(event.status), event.pgh_created_at, after.pgh_created_at if after else run.server_now)
        if span.status == Status.RUNNING:
            attempts.append(describe_attempt(run, event, after, waits, span))
            waits = []
        elif span.status in WAITING:
            waits.append(span)
        else:  # an end; whatever was waited before it led to no attempt
            waits = []
    return [*attempts, Attempt(None, waits, None, processed=run.processed)] if waits else attempts


def describe_attempt(run: Run, event: Any, after: Any, waits: Sequence[Span], work: Span) -> Attempt:
    reason = (after.pgh_context or {}).get("reason", "") if after else ""
    return Attempt(
        number=event.attempt,
        waits=waits,
        work=work,
        worker=event.worker,
        left_for=Status(after.status) if after else None,
        reason=REASONS.get(reason, reason),
        processed=after.processed if after else run.processed,
    )
