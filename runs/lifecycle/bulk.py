"""Cancel, retry or reset many runs, a batch at a time.

1. A batch is the next few runs of a type, by their ids. Its changes, and what `record` writes about them, are one
   transaction (of a retry: one for each run), so a crash leaves both or neither.
2. After `MOST_RUNS` runs or `MOST_SECONDS` the caller gets the place where the next call goes on, so that no request
   takes too long however many runs there are.
3. Repeated from the beginning, it finds only the runs that are left: those that were changed have another status.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from ..exceptions import ActiveRunExists, StartQuotaReached, WrongStatus
from ..models import Run, RunQuerySet
from ..models.audit import Actor, audit_context
from ..states import ACTIONS, ACTIVE, Action, ErrorCode, Status, StopRequest
from .dispatch import reopen
from .reset import MESSAGE

MOST_RUNS, MOST_SECONDS = 5_000, 10
Record = Callable[[Sequence[Run]], object]

OTHER_ACTIVE = _("another run of the business is active")
QUOTA_REACHED = _("the business may start no more for now")
CHANGED_MEANWHILE = _("changed meanwhile")


@dataclass
class Outcome:
    """What became of some runs."""

    changed: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # by reason

    def add(self, other: Outcome) -> None:
        self.changed += other.changed
        self.refused += other.refused


class BulkPosition(NamedTuple):
    """Runs of earlier types, and those of this type up to this id, have been looked at."""

    type: str
    id: int


@dataclass(frozen=True)
class BulkAction:
    statuses: Sequence[Status]  # of the runs that it can change
    apply: Callable[[RunQuerySet[Run], Actor, str, Record], Outcome]
    batch: int = 200

    def choose(self, rows: RunQuerySet[Run]) -> RunQuerySet[Run]:
        """Those that the action would change."""
        chosen = rows.filter(status__in=self.statuses)
        return chosen.exclude(requested=StopRequest.CANCEL) if self is CANCEL else chosen


def apply_to_runs(
    action: BulkAction,
    sources: Sequence[RunQuerySet[Run]],
    after: BulkPosition | None,
    actor: Actor,
    reason: str,
    record: Record,
) -> tuple[Outcome, BulkPosition | None]:
    """Change the runs of these querysets, one for each type by slug. Where to go on, or None when all are done."""
    total, looked_at, began = Outcome(), 0, monotonic()
    for rows in sources:
        slug = rows.model.slug
        if after and slug < after.type:
            continue
        last = after.id if after and slug == after.type else 0
        while ids := next_ids(action, rows, last):
            if looked_at >= MOST_RUNS or monotonic() - began > MOST_SECONDS:
                return total, BulkPosition(slug, last)
            total.add(action.apply(rows.model.objects.filter(pk__in=ids), actor, reason, record))
            looked_at, last = looked_at + len(ids), ids[-1]
    return total, None


def next_ids(action: BulkAction, rows: RunQuerySet[Run], after: int) -> list[int]:
    return list(action.choose(rows).filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[: action.batch])


def cancel_runs(rows: RunQuerySet[Run], actor: Actor, reason: str, record: Record) -> Outcome:
    """A run without a worker is cancelled at once; of a running one it is requested."""
    with transaction.atomic(), audit_context(actor, reason):
        locked = rows.locked()
        waiting = list(locked.filter(status__in=(Status.QUEUED, Status.PAUSED)))
        running = list(locked.filter(status=Status.RUNNING).exclude(requested=StopRequest.CANCEL))
        # They are locked, so none starts or ends between these statements.
        locked.filter(status__in=(Status.QUEUED, Status.PAUSED)).transition_to(Status.CANCELLED, finished_at=Now())
        locked.request_stop(StopRequest.CANCEL, actor=actor, reason=reason)
        record([*waiting, *running])
    return Outcome(len(waiting) + len(running))


def reset_runs(rows: RunQuerySet[Run], actor: Actor, reason: str, record: Record) -> Outcome:
    with transaction.atomic(), audit_context(actor, reason):
        locked = rows.locked()
        active = list(locked.active())
        locked.active().fail(ErrorCode.RESET, MESSAGE)
        record(active)
    return Outcome(len(active))


def retry_runs(rows: RunQuerySet[Run], actor: Actor, reason: str, record: Record) -> Outcome:
    """One transaction each: a run may be refused, and those of many businesses aren't locked together."""
    outcome = Outcome()
    for run in rows.select_related("business").order_by("pk"):
        try:
            with transaction.atomic():
                reopen(run, actor, reason, counts_as_start=True)
                record([run])
        except ActiveRunExists:
            outcome.refused[str(OTHER_ACTIVE)] += 1
        except StartQuotaReached:
            outcome.refused[str(QUOTA_REACHED)] += 1
        except WrongStatus:
            outcome.refused[str(CHANGED_MEANWHILE)] += 1
        else:
            outcome.changed += 1
    return outcome


def statuses_for(action: Action) -> list[Status]:
    return [status for status, actions in ACTIONS.items() if action in actions]


CANCEL = BulkAction(statuses_for(Action.CANCEL), cancel_runs)
RETRY = BulkAction(statuses_for(Action.RETRY), retry_runs, batch=10)  # a broker that hangs costs each a second
RESET = BulkAction(ACTIVE, reset_runs)
