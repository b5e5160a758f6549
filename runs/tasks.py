"""Thin Celery entries."""

from celery import shared_task

from . import sweep as rounds


@shared_task(name="runs.sweep", queue="control", ignore_result=True)
def sweep() -> None:
    rounds.sweep()
