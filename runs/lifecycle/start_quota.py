"""How many runs a business may start in a time: of all types together, or of one that has a quota of its own."""

from __future__ import annotations

from django.conf import settings

from ..exceptions import StartQuotaReached
from ..models import Run
from ..throttling import Rate, take_permit_or_get_wait_at


def take_start_permit(model: type[Run], business: int) -> None:
    """Called in the transaction of a start: one that is refused or fails after all leaves its permit.

    Raises `StartQuotaReached`.
    """
    has_own = model.slug in settings.RUNS_START_QUOTAS
    quota = settings.RUNS_START_QUOTAS[model.slug] if has_own else settings.RUNS_START_QUOTA
    if quota is None:
        return
    rate = Rate.parse(quota)
    if wait := take_permit_or_get_wait_at(rate, f"start {model.slug}" if has_own else "start", business):
        raise StartQuotaReached(rate.calls, rate.period, wait, of_one_type=has_own)
