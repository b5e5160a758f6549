"""Django's PostgreSQL with a pool that distinguishes a server that is away from connections that are all in use.

psycopg's pool waits for a connection equally long in both cases. Waiting helps when other requests use the
connections; when the server is away, the request should be answered at once.
"""

import time
from collections.abc import Callable
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import psycopg
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool, PoolTimeout

LONGEST_WAIT_SECONDS = 10.0
CHECK_SECONDS = 1.0

_checked_at: WeakKeyDictionary[psycopg.Connection[Any], float] = WeakKeyDictionary()


class DatabaseWrapper(base.DatabaseWrapper):
    _connection_pools: ClassVar[dict[str, Any]]  # Django's own, which its stubs don't name
    _configure_connection: Callable[[Any], None]

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Wait for the pool's `timeout` repeatedly, as long as the server accepts connections."""
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while True:
            try:
                return super().get_new_connection(conn_params)
            except PoolTimeout:
                if time.monotonic() >= deadline or not is_serving(conn_params):
                    raise

    @property
    def pool(self) -> Any:
        """As Django makes it, with our check: Django's costs every request a round trip."""
        options = self.settings_dict["OPTIONS"].get("pool")
        if self.alias == NO_DB_ALIAS or not options:
            return None
        if self.alias not in self._connection_pools:
            pool: Any = ConnectionPool(
                kwargs={**self.get_connection_params(), "autocommit": True},
                open=False,
                configure=self._configure_connection,
                check=check_if_unchecked,
                **options,
            )
            self._connection_pools.setdefault(self.alias, pool)  # of two threads, the first one's
        return self._connection_pools[self.alias]


def check_if_unchecked(connection: psycopg.Connection[Any]) -> None:
    """At most once a second. A connection that breaks within it costs its request a 503, and is then discarded."""
    now = time.monotonic()
    if now - _checked_at.get(connection, 0.0) >= CHECK_SECONDS:
        ConnectionPool.check_connection(connection)
        _checked_at[connection] = now


def is_serving(conn_params: dict[str, Any]) -> bool:
    """True also when the server refuses this connection because it has too many."""
    names = ("host", "port", "user", "dbname", "connect_timeout")
    address = {name: conn_params[name] for name in names if conn_params.get(name)}
    conninfo = psycopg.conninfo.make_conninfo(**address)
    return psycopg.pq.PGconn.ping(conninfo.encode()) == psycopg.pq.Ping.OK
