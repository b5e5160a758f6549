"""A run's JSON: one shape in every response and event. `RunSerializer` describes it for the schema, and its test.

Most runs of a list have ended, and are polled again and again. The part that depends on the row alone is cached, for
each language and time zone. Its key is the whole row: any change misses the cache.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any, NamedTuple, Self

from django.utils import timezone
from django.utils.translation import get_language

from ..models import Run
from ..readers.verdict import eta_seconds, is_stale, verdict_evidence, verdict_in_own_zone
from ..states import label

CACHED_RUNS = 2000  # some kilobytes each

RunJSON = dict[str, Any]


class Locale(NamedTuple):
    language: str | None
    zone: tzinfo

    @classmethod
    def active(cls) -> Self:
        return cls(get_language(), timezone.get_current_timezone())


@dataclass(frozen=True)
class EndedRun:
    """A key of the cache."""

    model: type[Run]
    row: Hashable
    locale: Locale
    run: Run = field(compare=False)  # to be serialized where the key is new


def serialize_run(run: Run, locale: Locale | None = None) -> RunJSON:
    """The JSON of a run whose ages the database measured, by default in the active language and time zone."""
    locale = locale or Locale.active()
    row = serialize_row_cached(run, locale)
    return {
        **row,
        "eta_seconds": eta_seconds(run),
        "seconds_since_heartbeat": run.heartbeat_age,
        "stale_after_seconds": run.stale_after().total_seconds(),
        "is_stale": is_stale(run),
        "verdict": {**row["verdict"], "evidence": verdict_evidence(run)},
        "actions": [str(action) for action in run.actions()],
        "server_now": format_moment(run.server_now, locale.zone),
    }


def serialize_row_cached(run: Run, locale: Locale) -> RunJSON:
    if run.ended_row is None or is_stale(run):  # the message of a stale one counts the minutes
        return serialize_row(run, locale)
    ended = EndedRun(type(run), run.ended_row, locale, run)
    return serialize_ended_run(ended) if is_hashable(ended) else serialize_row(run, locale)


def is_hashable(key: EndedRun) -> bool:
    """It isn't where a column holds a list, as arrays do."""
    try:
        hash(key)
    except TypeError:
        return False
    return True


@lru_cache(maxsize=CACHED_RUNS)
def serialize_ended_run(ended: EndedRun) -> RunJSON:
    """Callers share what is returned, and must not change it."""
    return serialize_row(ended.run, ended.locale)


def serialize_row(run: Run, locale: Locale) -> RunJSON:
    """All keys in their order. `serialize_run` fills in those that are None: they change without the row."""
    zone = locale.zone
    verdict = verdict_in_own_zone(run)
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
        "eta_seconds": None,
        "rate": run.rate,
        "created_at": format_moment(run.created_at, zone),
        "started_at": format_moment(run.started_at, zone),
        "heartbeat_at": format_moment(run.heartbeat_at, zone),
        "progress_at": format_moment(run.progress_at, zone),
        "finished_at": format_moment(run.finished_at, zone),
        "seconds_since_heartbeat": None,
        "stale_after_seconds": None,
        "is_stale": None,
        "verdict": {
            "code": str(verdict.code),
            "label": verdict.label,
            "message": verdict.message,
            "evidence": None,
        },
        "attempt": run.attempt,
        "version": run.version,
        "error_code": str(run.error_code),
        "error_message": run.error_message,
        "requested": str(run.requested),
        "actions": None,
        "server_now": None,
        "details": {name: getattr(run, name) for name in run.public_fields},
    }


def format_moment(moment: datetime | None, zone: tzinfo) -> str | None:
    """ISO 8601, as DRF's own field writes it."""
    if moment is None:
        return None
    text = moment.astimezone(zone).isoformat()
    return f"{text.removesuffix('+00:00')}Z" if text.endswith("+00:00") else text
