"""A run's changes of status, with labels for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.utils.translation import gettext

from ..models import Run
from ..states import Status
from ..stored_text import translate_stored
from .labels import ACTORS, REASONS

EVENTS_SHOWN: Final = 500  # a run that is paused and resumed by a script may have any number of them


def events_of(run: Run) -> list[Any]:
    """The newest `EVENTS_SHOWN` recorded changes of status, oldest first. The API has all of them."""
    return list(run.events.order_by("-pgh_id")[:EVENTS_SHOWN])[::-1]


def timeline_of(run: Run, events: Sequence[Any] | None = None) -> list[dict[str, Any]]:
    """The changes of status, newest first, each with the status it came from; of the first one that is unknown.

    `events`: where they are read already.
    """
    events = events_of(run) if events is None else events
    before = [None, *(event.status for event in events)]
    return [timeline_entry(event, source) for event, source in zip(events, before, strict=False)][::-1]


def timeline_entry(event: Any, source: str | None) -> dict[str, Any]:
    context = event.pgh_context or {}  # empty for a change made by hand, in SQL
    reason = context.get("reason", "")
    return {
        "event": event,
        "source": Status(source).label if source else "",
        "target": Status(event.status).label,
        "actor": actor_label(context.get("actor")),
        "reason": REASONS.get(reason, reason),
        "error": translate_stored(event.error_message),
        "traceback": context.get("traceback", ""),
    }


def actor_label(actor: dict[str, Any] | None) -> str:
    if actor is None:
        return gettext("by hand")
    kind = str(ACTORS.get(actor["kind"], actor["kind"]))
    return f"{kind} ({actor['name']})" if actor["name"] else kind
