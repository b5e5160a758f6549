"""G6: every timestamp that decides something is written and compared by the database's `now()`."""

from __future__ import annotations

from typing import Final

from django.db.models import F, Q
from django.db.models.functions import Now

from runs.models import Run, run_types

from .findings import Finding
from .timeline import events_of

STAMPS: Final = (
    *("created_at", "queued_at", "started_at"),
    *("claimed_at", "heartbeat_at", "progress_at", "finished_at"),
)
# The first is never later than the second, whichever processes wrote them.
ORDERS: Final = (
    ("created_at", "queued_at"),
    ("created_at", "started_at"),
    ("started_at", "claimed_at"),
    ("claimed_at", "heartbeat_at"),
    ("progress_at", "heartbeat_at"),
    ("heartbeat_at", "finished_at"),
)


def check(finding: Finding) -> None:
    for model in run_types():
        finding.count("runs with seven timestamps each", model.objects.count())
        for stamp in STAMPS:
            _violate(finding, model, Q(**{f"{stamp}__gt": Now()}), f"has its {stamp} in the future")
        for first, second in ORDERS:
            _violate(finding, model, Q(**{f"{first}__gt": F(second)}), f"has its {first} after its {second}")
        finding.count("changes of status", events_of(model).count())
        for pk in events_of(model).filter(pgh_created_at__gt=Now()).values_list("pgh_obj", flat=True):
            finding.violate(f"{model.slug} {pk} has a change of status in the future")


def _violate(finding: Finding, model: type[Run], condition: Q, text: str) -> None:
    for pk in model.objects.filter(condition).values_list("pk", flat=True):
        finding.violate(f"{model.slug} {pk} {text}")
