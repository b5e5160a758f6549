"""The sessions of the test's database, watched from another session."""

import psycopg
from django.db import connection


def is_any_session_waiting() -> bool:
    """Does a session of the test's database wait for a lock?"""
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as observer:
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return observer.execute(waiting).fetchone() is not None
