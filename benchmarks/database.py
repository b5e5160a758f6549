"""The benchmarks' own databases, made for one run of them and dropped after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from receipts.models import Mailbox, ReceiptSyncRun
from runs.drill.models import DrillRun
from runs.models import Business

from . import claims

ALIAS = "default"

_numbers = count(1)


@contextmanager
def template() -> Iterator[None]:
    """Migrate an empty database, which the benchmarks copy; nothing that was there before is touched."""
    database = connections[ALIAS]
    own = str(database.settings_dict["NAME"])
    database.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        database.creation.destroy_test_db(own, verbosity=0)


@contextmanager
def in_scratch(name: str) -> Iterator[None]:
    """Work in a migrated database without rows."""
    with scratch(name) as copy, using(copy):
        yield


@contextmanager
def scratch(name: str) -> Iterator[BaseDatabaseWrapper]:
    """A migrated database without rows, for `using`."""
    original = connections[ALIAS]
    original.close()  # no session may be connected to the database that is copied
    original.creation.clone_test_db(name, verbosity=0)
    copy = original.copy()
    copy.settings_dict.update(original.creation.get_test_db_clone_settings(name))
    try:
        yield copy
    finally:
        copy.close()
        original.creation.destroy_test_db(verbosity=0, suffix=name)


@contextmanager
def using(database: BaseDatabaseWrapper) -> Iterator[None]:
    """Let all code of this thread talk to `database`."""
    before = connections[ALIAS]
    connections[ALIAS] = database
    try:
        yield
    finally:
        connections[ALIAS] = before


def claimed_run() -> ReceiptSyncRun:
    """A run of a new business, claimed by this process."""
    queued_run()
    return claims.claim_only(ReceiptSyncRun)


def queued_run(*, port: int = 0, username: str = "nobody", secret: str = "none") -> ReceiptSyncRun:
    business = new_business()
    mailbox = Mailbox.objects.create(
        business=business,
        host="127.0.0.1",
        port=port,
        username=username,
        secret=secret,
        security=Mailbox.Security.PLAIN,
    )
    return ReceiptSyncRun.objects.create(business=business, mailbox=mailbox, mode=ReceiptSyncRun.Mode.FULL)


def new_business() -> Business:
    number = next(_numbers)
    return Business.objects.create(name=f"Benchmark {number}", slug=f"benchmark-{number}")


def queued_drill(business: Business | None = None, **fields: Any) -> DrillRun:
    return DrillRun.objects.create(business=business or new_business(), **{"steps": 0, **fields})


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def fetch_int(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])


def setting(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])
