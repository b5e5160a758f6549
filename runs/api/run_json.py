"""A run's JSON: one shape in every response and event. `RunSerializer` describes it for the schema, and its test."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

from django.utils import timezone

from ..models import Run
from ..readers.verdict import Verdict, eta_seconds, is_stale, verdict_in_own_zone
from ..states import label

RunJSON = dict[str, Any]


def serialize_run(run: Run) -> RunJSON:
    """The JSON of a run whose ages the database measured, in the active language and time zone."""
    zone = timezone.get_current_timezone()
    return {
        "id": run.pk,
        "type": run.slug,
        "business_id": run.business_id,
        "status": str(run.status),
        "status_label": str(label(run.status)),
        "total": run.total,
        "processed": run.processed,
        "succeeded": run.succeeded,
        "failed": run.failed,
        "skipped": run.skipped,
        "progress_pct": run.progress_pct,
        "eta_seconds": eta_seconds(run),
        "rate": run.rate,
        "created_at": format_moment(run.created_at, zone),
        "started_at": format_moment(run.started_at, zone),
        "heartbeat_at": format_moment(run.heartbeat_at, zone),
        "progress_at": format_moment(run.progress_at, zone),
        "finished_at": format_moment(run.finished_at, zone),
        "seconds_since_heartbeat": run.heartbeat_age,
        "stale_after_seconds": run.stale_after().total_seconds(),
        "is_stale": is_stale(run),
        "verdict": serialize_verdict(verdict_in_own_zone(run)),
        "attempt": run.attempt,
        "version": run.version,
        "error_code": str(run.error_code),
        "error_message": run.error_message,
        "requested": str(run.requested),
        "actions": [str(action) for action in run.actions()],
        "server_now": format_moment(run.server_now, zone),
        "details": {name: getattr(run, name) for name in run.public_fields},
    }


def serialize_verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "code": str(verdict.code),
        "label": verdict.label,
        "message": verdict.message,
        "evidence": verdict.evidence,
    }


def format_moment(moment: datetime | None, zone: tzinfo) -> str | None:
    """ISO 8601, as DRF's own field writes it."""
    if moment is None:
        return None
    text = moment.astimezone(zone).isoformat()
    return f"{text.removesuffix('+00:00')}Z" if text.endswith("+00:00") else text
