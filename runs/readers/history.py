"""Which runs a list shows, by what a reader chose."""

from __future__ import annotations

from typing import Any

from ..models import Run, run_types
from ..states import ACTIVE, FINISHED, Status
from .run_list import RunFilter


def run_filter(
    *,
    type: type[Run] | None = None,  # noqa: A002  named as in the API
    status: str = "",
    active: bool | None = None,
    **others: Any,
) -> RunFilter:
    """`others`: `business`, `member`, `from_date` and `to_date` of the filter."""
    statuses = frozenset({Status(status)} if status else Status)
    if active is not None:
        statuses &= frozenset(ACTIVE if active else FINISHED)
    is_any = statuses == frozenset(Status)
    return RunFilter((type,) if type else run_types(), statuses=None if is_any else statuses, **others)
