"""Table settings that Django's migrations can't express."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections

from .run import Run

# A flush a second rewrites the same row: with room left in its page the new version stays beside
# the old one and no index is touched (a HOT update).
FILLFACTOR = 50


def leave_room_for_hot_updates(app_config: AppConfig, using: str, **kwargs: Any) -> None:
    """After `migrate`, for every run type of the app, so that a new type needs nothing by hand."""
    for model in app_config.get_models():
        if issubclass(model, Run):
            connection = connections[using]
            table = connection.ops.quote_name(model._meta.db_table)
            with connection.cursor() as cursor:  # there is no table after `migrate <app> zero`
                cursor.execute(f"ALTER TABLE IF EXISTS {table} SET (fillfactor = {FILLFACTOR})")
