"""Thin Celery entries."""

import logging

from celery import shared_task
from django.db import Error

from . import sweep as rounds
from .database import discard_connection, is_database_away

logger = logging.getLogger(__name__)


@shared_task(name="runs.sweep", queue="control", ignore_result=True)
def sweep() -> None:
    try:
        rounds.sweep()
    except Error as error:
        if not is_database_away(error):
            raise
        logger.warning("The sweep waits for the database: %s", error)
        discard_connection()
