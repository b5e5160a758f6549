"""The tables: businesses, runs and their items, and the guarded changes of their rows."""

from .all_runs import AllRuns
from .business import Business, BusinessQuerySet, Membership
from .business_queue import BusinessQueue, RunLimit
from .figures import DailyOutcome, DailySpan, FigureChange, Measure, OutcomeCounter, SpanCounter, UncountedHistory
from .fleet import Worker, WorkerQuerySet
from .heartbeat import HeartbeatMixin, HeartbeatQuerySet
from .item import RunItem
from .registry import complete_run_type, run_types
from .run import Run
from .run_queryset import RunQuerySet
from .sweep import Sweep
from .throttle import Throttle

__all__ = [
    "AllRuns",
    "Business",
    "BusinessQuerySet",
    "BusinessQueue",
    "DailyOutcome",
    "DailySpan",
    "FigureChange",
    "HeartbeatMixin",
    "HeartbeatQuerySet",
    "Measure",
    "Membership",
    "OutcomeCounter",
    "Run",
    "RunItem",
    "RunLimit",
    "RunQuerySet",
    "SpanCounter",
    "Sweep",
    "Throttle",
    "UncountedHistory",
    "Worker",
    "WorkerQuerySet",
    "complete_run_type",
    "run_types",
]
