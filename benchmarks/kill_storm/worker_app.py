"""The project's Celery app. Its pool processes record their present task, so that the storm knows what it kills."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from celery.signals import task_postrun, task_prerun, worker_init
from django.apps import apps
from django.conf import settings

from progress_project.celery import app

__all__ = ["app"]


@worker_init.connect
def set_threshold(**kwargs: Any) -> None:
    """Drills have one of their own."""
    drills: Any = apps.get_model("drill", "DrillRun")  # no model can be imported before the app
    drills.stale_after_seconds = settings.RUNS_STALE_AFTER_SECONDS


FOLDER: Final = "STORM_TASKS"  # the variable that names it


@task_prerun.connect
def note_task(task_id: str, **kwargs: Any) -> None:
    _note().write_text(task_id)


@task_postrun.connect
def forget_task(**kwargs: Any) -> None:
    _note().unlink(missing_ok=True)


def _note() -> Path:
    return Path(os.environ[FOLDER], str(os.getpid()))
