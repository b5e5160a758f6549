"""Keep the daily figures: add up what has changed, and count the history from before there were figures.

Both in steps, of which a round of the sweep does a few: after a storm, or an upgrade of a large installation, the
figures follow over some rounds, and no round takes long.
"""

from __future__ import annotations

from typing import Any, Final

from django.db import connection, transaction

from ..models import Run, UncountedHistory, run_types
from ..models.figure_statements import ADD_UP_CHANGES_SQL, END_STEP_SQL, LOCK_HISTORY_SQL, count_history_sql

BATCH: Final = 10_000  # changes, or ids of the history, in a step
STEPS: Final = 10  # in a round


def add_up_changes(*, batch: int = BATCH, steps: int = STEPS) -> None:
    for _step in range(steps):
        if _execute(ADD_UP_CHANGES_SQL, batch=batch) < batch:
            return


def count_history(*, batch: int = BATCH, steps: int = STEPS) -> None:
    uncounted = set(UncountedHistory.objects.values_list("run_type", flat=True))
    for model in run_types():
        if model.slug in uncounted:
            for _step in range(steps):
                if not count_step(model, batch):
                    break


def count_step(model: type[Run], batch: int) -> bool:
    """Count the runs with the highest ids that aren't counted yet; False where there are none.

    A crash leaves the step undone.
    """
    with transaction.atomic():
        through = _execute(LOCK_HISTORY_SQL, run_type=model.slug)
        if through == 0:
            return False
        step: dict[str, Any] = {"run_type": model.slug, "through": through, "after": max(0, through - batch)}
        _execute(count_history_sql(model), **step)
        _execute(END_STEP_SQL, **step)
    return True


def _execute(sql: str, **parameters: Any) -> int:
    """The number that the statement returns, or 0 where it returns no row."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row = cursor.fetchone() if cursor.description else None
    return int(row[0]) if row else 0
