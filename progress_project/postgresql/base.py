"""Django's PostgreSQL, told apart: a pool whose connections are all taken, and a server that is away.

psycopg's pool lets a request wait for a connection for as long in either case. It is worth it when others use them;
when the server is away, the request should be answered at once.
"""

import time
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import PoolTimeout

LONGEST_WAIT_SECONDS = 10.0


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Waits for the pool's `timeout` again and again, as long as the server takes connections at all."""
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while True:
            try:
                return super().get_new_connection(conn_params)
            except PoolTimeout:
                if time.monotonic() >= deadline or not _is_serving(conn_params):
                    raise


def _is_serving(conn_params: dict[str, Any]) -> bool:
    """Also when it refuses a connection because it has too many."""
    names = ("host", "port", "user", "dbname", "connect_timeout")
    address = {name: conn_params[name] for name in names if conn_params.get(name)}
    conninfo = psycopg.conninfo.make_conninfo(**address)
    return psycopg.pq.PGconn.ping(conninfo.encode()) == psycopg.pq.Ping.OK
