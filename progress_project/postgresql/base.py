"""Django's PostgreSQL with a pool that distinguishes a server that is away from connections that are all in use.

psycopg's pool waits for a connection equally long in both cases. Waiting helps when other requests use the
connections; when the server is away, the request should be answered at once.
"""

import time
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import PoolTimeout

LONGEST_WAIT_SECONDS = 10.0


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Wait for the pool's `timeout` repeatedly, as long as the server accepts connections."""
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while True:
            try:
                return super().get_new_connection(conn_params)
            except PoolTimeout:
                if time.monotonic() >= deadline or not is_serving(conn_params):
                    raise


def is_serving(conn_params: dict[str, Any]) -> bool:
    """True also when the server refuses this connection because it has too many."""
    names = ("host", "port", "user", "dbname", "connect_timeout")
    address = {name: conn_params[name] for name in names if conn_params.get(name)}
    conninfo = psycopg.conninfo.make_conninfo(**address)
    return psycopg.pq.PGconn.ping(conninfo.encode()) == psycopg.pq.Ping.OK
