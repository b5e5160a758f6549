"""Thin Celery entries."""

from runs.lifecycle import run_task
from runs.progress import Progress

from .collection.collect import collect
from .models import RecordingRun


@run_task(RecordingRun)
def collect_recordings(run: RecordingRun, progress: Progress) -> None:
    collect(run, progress)
