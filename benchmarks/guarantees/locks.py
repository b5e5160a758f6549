"""Every writer locks a run before its items: no two of them wait for each other."""

from __future__ import annotations

from itertools import pairwise

from django.db import connection

from .findings import Finding
from .logs import Deadlocks, Logs


def deadlocks() -> int:
    """Of this database, since its statistics began."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def check(finding: Finding, logs: Logs) -> None:
    """Where the log counted deadlocks during the run, none may have been added; else they may have other causes."""
    counts = [sample.count for sample in logs.read(Deadlocks)]
    finding.count("deadlocks that the database counts", deadlocks())
    finding.count("times that they were counted before", len(counts))
    grown = sum(max(0, after - before) for before, after in pairwise([*counts, deadlocks()])) if counts else 0
    if grown:
        finding.violate(f"the database broke {grown} deadlocks")
