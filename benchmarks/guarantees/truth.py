"""G1: no reader is ever shown an active status for a run whose heartbeat is older than its threshold."""

from __future__ import annotations

from typing import Final

from django.db.models import Q

from runs.api.run_json import serialize_run
from runs.models import Run, run_types
from runs.readers.verdict import fetch_repaired
from runs.states import ErrorCode, Status

from .findings import Finding
from .logs import BadAnswer, Logs, Observation
from .sandbox import rolled_back
from .timeline import History

EARLY_SECONDS: Final = 1.0  # the timeline has the time when a transaction began, not when its statement ran


def check_history(finding: Finding, history: History) -> None:
    threshold = history.model.stale_after().total_seconds()
    for change in history.departures():
        if change.error_code != ErrorCode.STALE:
            continue
        silence = change.at - (change.heartbeat_at or 0)
        finding.count("expiries")
        finding.count_highest("seconds of silence before the latest of them", silence)
        if silence < threshold - EARLY_SECONDS:
            finding.violate(f"{history} was expired after {silence:.1f} of {threshold:.0f} s of silence")


def check(finding: Finding, logs: Logs) -> None:
    for model in run_types():
        _check_readers(finding, model)
        _check_bars(finding, model)
    for answer in logs.read(BadAnswer):
        finding.violate(f"{answer.address} answered {answer.status}: {answer.text}")
    for seen in logs.read(Observation):
        finding.count("different observations of readers")
        if seen.status == Status.RUNNING and (seen.silence or 0) > seen.allowed_silence:
            finding.violate(f"{seen.door} showed {seen.type} {seen.run} running after {seen.silence:.1f} s of silence")


def _check_readers(finding: Finding, model: type[Run]) -> None:
    """Read as a reader does; its repairs are rolled back."""
    threshold = model.stale_after().total_seconds()
    finding.count("overdue rows that the next reader expires", model.objects.overdue().count())
    with rolled_back():
        for run in fetch_repaired(model.objects.active().with_ages()):
            shown = serialize_run(run)
            finding.count("active runs shown to a reader")
            silence, is_allowed = shown["seconds_since_heartbeat"] or 0, (run.silence_left or 0) > 0
            if shown["status"] == Status.RUNNING and silence > threshold and not is_allowed:
                finding.violate(f"{model.slug} {run.pk} is shown running after {silence:.1f} s of silence")


def _check_bars(finding: Finding, model: type[Run]) -> None:
    full = Q(progress_pct__gte=100)
    finding.count("bars", model.objects.exclude(progress_pct=None).count())
    contradictions = {
        "shows over 100 %": Q(progress_pct__gt=100),
        "shows 100 % and isn't completed": full & ~Q(status=Status.COMPLETED),
        "is completed and doesn't show 100 %": Q(status=Status.COMPLETED) & (~full | Q(progress_pct=None)),
        "shows a share of an unknown total": Q(total=None) & ~Q(progress_pct=None),
    }
    for text, condition in contradictions.items():
        for pk in model.objects.filter(condition).values_list("pk", flat=True):
            finding.violate(f"{model.slug} {pk} {text}")
