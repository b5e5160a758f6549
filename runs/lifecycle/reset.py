"""Staff fail all active runs of a business."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext_noop

from ..models import Business, Run, RunQuerySet, run_types
from ..models.audit import Actor, audit_context
from ..states import ErrorCode

MESSAGE = gettext_noop("Reset by staff.")


@dataclass(frozen=True)
class Reset:
    by_type: dict[str, int]  # by the type's slug; types without such runs are left out

    @property
    def count(self) -> int:
        return sum(self.by_type.values())


def runs_to_reset(
    business: Business, types: Collection[str] | None = None, only_stale: bool = False
) -> dict[str, RunQuerySet[Run]]:
    """The runs that a reset would fail, by the type's slug. Raises `ValueError` naming unknown types."""
    models = {model.slug: model for model in run_types()}
    if unknown := set(types or ()) - models.keys():
        raise ValueError(", ".join(sorted(unknown)))
    chosen = {slug: model for slug, model in models.items() if not types or slug in types}
    rows = {slug: model.objects.filter(business=business) for slug, model in chosen.items()}
    return {slug: rows.overdue() if only_stale else rows.active() for slug, rows in rows.items()}


def reset_progress(
    business: Business,
    types: Collection[str] | None = None,
    only_stale: bool = False,
    *,
    actor: Actor,
    reason: str = "",
) -> Reset:
    """Fail the business's active runs with code `reset`; how many, by type.

    A worker that is still at work is refused its next write (`RunLost`) and can't revive the run.
    """
    with transaction.atomic(), audit_context(actor, reason or "reset"):
        return summarize_reset(
            {
                slug: rows.fail(ErrorCode.RESET, MESSAGE)
                for slug, rows in runs_to_reset(business, types, only_stale).items()
            }
        )


def summarize_reset(by_type: dict[str, int]) -> Reset:
    return Reset({slug: count for slug, count in by_type.items() if count})
