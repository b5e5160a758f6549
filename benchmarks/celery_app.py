"""The project's Celery app for the workers that benchmarks start, with the task of a peer."""

from __future__ import annotations

from typing import Final

from django.db import connection

from progress_project.celery import app

__all__ = ["app"]

PEER_TASK: Final = "benchmarks.insert_and_update"
TABLE: Final = "drill_drillrun"  # no model is loaded before the app

# A row of the run's table by hand: what has no default in the database, and nothing else.
INSERT = f"""
    INSERT INTO {TABLE} (
        business_id, status, steps, step_seconds, death, dies_at, dies_again,
        idempotency_key, processed, succeeded, failed, skipped, cursor, cursor_counts, attempt, losses, worker,
        worker_boot, task_id, requested, waiting_reason, error_code, error_message, version
    ) VALUES (%s, 'queued', 0, 0, 'none', 0, false, '', 0, 0, 0, 0, '{{}}', '{{}}', 0, 0, '', '', '', '', '', '', '', 1)
    RETURNING id
"""
CLAIM = f"""
    UPDATE {TABLE} SET status = 'running', attempt = 1, started_at = now(), heartbeat_at = now(), version = 2
    WHERE id = %s
"""
FINISH = f"""
    UPDATE {TABLE} SET status = 'completed', progress_pct = 100, finished_at = now(), version = 3 WHERE id = %s
"""


@app.task(name=PEER_TASK, ignore_result=True)
def insert_and_update(business: int) -> None:
    """As one would write it without the project: no turns, no limits, no fence, no names in the timeline."""
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [business])
        run = cursor.fetchone()
        cursor.execute(CLAIM, run)
        cursor.execute(FINISH, run)
