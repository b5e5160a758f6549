"""When the database is away: one definition for workers, readers, pages and probes. And queries in one round trip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, ParamSpec, TypeVar

import psycopg
import stamina
import structlog
from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError, connection, transaction

T = TypeVar("T")
P = ParamSpec("P")

# SQLSTATEs: https://www.postgresql.org/docs/current/errcodes-appendix.html
# psycopg raises these as internal errors, but they are over when the outage is.
PASSING_INTERNAL_ERRORS = (
    "25006",  # read_only_sql_transaction: a standby, or a primary in the middle of a failover
    "25P03",  # idle_in_transaction_session_timeout: the server has closed the connection
    "25P04",  # transaction_timeout: likewise
)
# psycopg raises this class as operational errors, but a value that is too large stays too large.
PROGRAM_LIMIT_EXCEEDED = "54"
# The database serves other queries: this one took too long, or too much memory or disk.
STATEMENT_TIMEOUT = "57014"
QUERY_TOO_HEAVY = (STATEMENT_TIMEOUT, "53200", "53400")


class StatementTooLong(Exception):
    """A statement took longer than it may."""


def is_database_away(error: BaseException | None) -> bool:
    """May the same call succeed later? The database is away, starting, overloaded, full or read-only."""
    if isinstance(error, InternalError):
        return sqlstate_of(error) in PASSING_INTERNAL_ERRORS
    if isinstance(error, OperationalError | InterfaceError):
        return not sqlstate_of(error).startswith(PROGRAM_LIMIT_EXCEEDED)
    return False


def is_outage(error: BaseException | None) -> bool:
    """Is the database away for every query? Otherwise this query may be to blame, and the item that it belongs to."""
    return isinstance(error, Exception) and is_database_away(error) and sqlstate_of(error) not in QUERY_TOO_HEAVY


@contextmanager
def limited_statements(seconds: int) -> Iterator[None]:
    """A statement that takes longer fails: raises `StatementTooLong`."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{seconds}s"])
            yield
    except OperationalError as error:
        if sqlstate_of(error) == STATEMENT_TIMEOUT:
            raise StatementTooLong from error
        raise


def sqlstate_of(error: Exception) -> str:
    """Empty where the server sent none, as when the connection broke."""
    return getattr(error.__cause__, "sqlstate", None) or ""


def record_outage(error: Exception) -> None:
    """Add the database's message to the log line of this HTTP request; the next one opens a new connection."""
    structlog.contextvars.bind_contextvars(database_error=str(error))
    discard_connection()


def discard_connection() -> None:
    """Let the next query open a new connection: after a failover the old one may stay read-only for ever.

    Closed for good: a pool would hand out again what is merely given back to it.
    """
    if connection.in_atomic_block:
        return  # the code that began the transaction ends it
    if connection.connection is not None:
        with suppress(psycopg.Error):
            connection.connection.close()
    connection.close()


def retry_while_database_is_away(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call again, backing off, while the database is away; after `RUNS_DATABASE_PATIENCE_SECONDS` raise the error."""
    try:
        return call(*args, **kwargs)
    except Exception as error:
        if not _discard_if_away(error):
            raise
    for attempt in stamina.retry_context(
        on=_discard_if_away,
        attempts=None,
        timeout=settings.RUNS_DATABASE_PATIENCE_SECONDS,
        wait_initial=0.1,
        wait_max=5.0,
    ):
        with attempt:
            return call(*args, **kwargs)
    raise AssertionError("unreachable")


def _discard_if_away(error: Exception) -> bool:
    if not is_database_away(error):
        return False
    discard_connection()  # the next call opens a new one
    return True


def fetch_pipelined(statements: Iterable[tuple[str, Sequence[Any] | Mapping[str, Any]]]) -> list[list[tuple[Any, ...]]]:
    """The rows of each statement, in turn; all are sent in one round trip, a BEGIN with them.

    By psycopg's own cursors, which let the server prepare statements that are repeated.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors:
        with connection.connection.pipeline():
            cursors = [
                psycopg.Cursor(connection.connection).execute(statement, parameters)
                for statement, parameters in statements
            ]
        # A fetch inside of the pipeline would be a round trip more. And PostgreSQL ends no pipeline that waits for its
        # rest: a machine that froze in that round trip would keep its locks until it woke up.
        return [cursor.fetchall() for cursor in cursors]


def fetch_database_time() -> datetime:
    """Now, by the one clock that counts."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment
