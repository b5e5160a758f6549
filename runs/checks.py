"""System checks with stable ids: what would make a promise untrue is said before it is broken."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from .models import run_types

BEATS_PER_THRESHOLD = 5


@register(Tags.models)
def thresholds_leave_room_for_beats(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A threshold near the interval between beats makes healthy runs fail."""
    beat = settings.RUNS_FLUSH_INTERVAL_SECONDS
    return [
        Error(
            f"{model.__name__} expires after {model.stale_after().total_seconds():g} s, but beats"
            f" only every {beat:g} s.",
            hint=f"Leave at least {BEATS_PER_THRESHOLD} beats within the threshold.",
            obj=model,
            id="runs.E001",
        )
        for model in run_types()
        if model.stale_after().total_seconds() < BEATS_PER_THRESHOLD * beat
    ]
