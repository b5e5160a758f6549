"""Several sessions of the database, seen from outside of all of them."""

import psycopg
from django.db import connection


def is_anybody_waiting() -> bool:
    """For a lock of the test's database."""
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as watcher:
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return watcher.execute(waiting).fetchone() is not None
