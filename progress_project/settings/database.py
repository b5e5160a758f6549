"""PostgreSQL: the connections, their limits and their pool."""

from typing import Any

from progress_project.local import postgres
from progress_project.local.environment import env

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url_config(env.str("DATABASE_URL", default="") or postgres.database_url())
}


# A server whose machine vanishes says nothing: without these a query would wait for a quarter of an hour or longer.
# One that works on a long query answers them. They count for TCP only; milliseconds, and seconds.
NETWORK_LIMITS = {
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


def connection_options() -> dict[str, Any]:
    options: dict[str, Any] = {"connect_timeout": 5, "application_name": "unstuck", **NETWORK_LIMITS}
    seconds = env.int("DATABASE_STATEMENT_TIMEOUT_SECONDS", default=30)
    if seconds:  # 0 sends nothing, as PgBouncer needs it
        # A machine that freezes in a transaction keeps its run locked, however long statements may take: no longer than
        # until it counts as lost (45 s), or the run couldn't go on elsewhere.
        idle = min(seconds, 30)
        options["options"] = f"-c statement_timeout={seconds}s -c idle_in_transaction_session_timeout={idle}s"
    if env.bool("DATABASE_PREPARED_STATEMENTS", default=True):
        options["prepare_threshold"] = 5  # psycopg's own; Django turns it off for the sake of PgBouncer
    return options


DATABASE_POOL_SIZE: int = env.int("DATABASE_POOL_SIZE", default=10)
# Of an ASGI process, for pages and API. Each needs a connection; one more is for the streams.
WEB_THREADS: int = env.int("WEB_THREADS", default=max(1, DATABASE_POOL_SIZE - 1))


def connection_lifetime() -> dict[str, Any]:
    """A pool where threads serve requests; else a connection a process, for a pool doesn't survive a fork."""
    if not env.bool("DATABASE_POOL", default=False):
        return {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    # After each timeout the engine decides whether to wait longer.
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": DATABASE_POOL_SIZE, "timeout": 1}
    DATABASES["default"]["ENGINE"] = "progress_project.postgresql"
    return {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True}


DATABASES["default"].setdefault("OPTIONS", {}).update(connection_options())
DATABASES["default"].update(connection_lifetime())
