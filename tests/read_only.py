"""A database that takes no writes, as after a failover: PostgreSQL itself refuses them.

The setting belongs to the database of this test alone. Its sessions are ended, as a failover does, so that
every new one is read-only from its first statement on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection


@contextmanager
def read_only_database() -> Iterator[None]:
    set_read_only("on")
    try:
        yield
    finally:
        set_read_only("off")


def set_read_only(value: str) -> None:
    connection.close()
    name = connection.settings_dict["NAME"]
    with psycopg.connect(**{**connection.get_connection_params(), "dbname": "postgres"}, autocommit=True) as server:
        server.execute(f"ALTER DATABASE {connection.ops.quote_name(name)} SET default_transaction_read_only = {value}")
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
