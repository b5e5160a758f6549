"""Celery's consumer, which comes back sooner to a broker that was away."""

from functools import partial

from celery.worker import consumer
from kombu import Connection

RECONNECT_SECONDS = 3


class Consumer(consumer.Consumer):
    """Celery's own waits longer after each attempt, up to 30 s, and runs would wait for it with slots free."""

    def ensure_connected(self, conn: Connection) -> Connection:
        conn.ensure_connection = partial(conn.ensure_connection, interval_max=RECONNECT_SECONDS)  # type: ignore[method-assign]
        return super().ensure_connected(conn)
