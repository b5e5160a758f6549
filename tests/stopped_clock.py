"""The database's clock, stopped: ages beside their thresholds are judged exactly, however busy the machine is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

SCHEMA = "stopped_clock"


@pytest.fixture
def stopped_clock(db: None) -> Iterator[None]:
    """Of the test's own connection alone; Django's `Now()` calls `statement_timestamp()`."""
    with stopped("statement_timestamp"):
        yield


@pytest.fixture
def stopped_clocks(db: None) -> Iterator[None]:
    """Also `clock_timestamp()`, by which accounts of broadcasts are limited."""
    with stopped("statement_timestamp", "clock_timestamp"):
        yield


@contextmanager
def stopped(*functions: str) -> Iterator[None]:
    """Functions of a schema of its own are found before PostgreSQL's."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        [now] = cursor.fetchone()
        cursor.execute(f"CREATE SCHEMA {SCHEMA}")
        for function in functions:
            cursor.execute(
                f"CREATE FUNCTION {SCHEMA}.{function}() RETURNS timestamptz STABLE LANGUAGE sql"
                f" AS $$ SELECT '{now.isoformat()}'::timestamptz $$"
            )
        cursor.execute("SHOW search_path")
        [before] = cursor.fetchone()
        cursor.execute(f"SET search_path = {SCHEMA}, pg_catalog, {before}")
        yield
        cursor.execute(f"SET search_path = {before}")
        cursor.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
