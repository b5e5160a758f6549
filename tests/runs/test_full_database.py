"""A full disk is an outage like any other. A trigger stands in for it, with the error that PostgreSQL has for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import Error, connection
from pytest_django import Settings
from rest_framework.test import APIClient

from receipts.models import Mailbox, ReceiptSyncRun
from runs.database import is_database_away
from runs.models import Business
from runs.progress import Progress
from tests.actors import start_sync, work_through
from tests.api.test_errors import check
from tests.cast import MakeRun

pytestmark = pytest.mark.django_db(transaction=True)

DISK_FULL = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
    CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON receipts_receiptsyncrun EXECUTE FUNCTION refuse();
"""
ROOM_AGAIN = "DROP FUNCTION refuse() CASCADE"


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@contextmanager
def full_disk() -> Iterator[None]:
    execute(DISK_FULL)
    try:
        yield
    finally:
        execute(ROOM_AGAIN)


@pytest.mark.parametrize(
    ("code", "away"),
    [
        ("25006", True),  # read-only
        ("25P03", True),  # idle in a transaction for too long
        ("53100", True),  # disk full
        ("53300", True),  # too many connections
        ("57P01", True),  # shutting down
        ("58030", True),  # input or output failed
        ("54000", False),  # a value is too large for its index
        ("25001", False),  # a statement that can't be in a transaction
        ("XX000", False),  # an error of PostgreSQL itself
        ("23505", False),
        ("22001", False),
        ("42P01", False),
    ],
)
def test_what_passes_by_itself_is_told_from_what_stays_wrong(code: str, away: bool) -> None:
    with pytest.raises(Error) as refused:
        execute(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$")
    assert is_database_away(refused.value) is away


def test_readers_are_told_the_truth_and_starts_503(
    as_member_a: APIClient, business_a: Business, mailbox_a: Mailbox, make_run: MakeRun
) -> None:
    overdue = make_run(business_a, "running", silent_for=301)
    with full_disk():
        assert as_member_a.get(f"/api/runs/receipt_sync/{overdue.pk}/").json()["error_code"] == "stale"
        assert as_member_a.get("/api/runs/?active=true").json()["results"] == []
        answer = as_member_a.post("/api/receipts/sync/", {"business": business_a.pk, "mode": "full"})
        assert check(answer, 503, "server_error")["errors"][0]["code"] == "database_away"
        assert int(answer.headers["Retry-After"]) > 0
    assert ReceiptSyncRun.objects.count() == 1


def test_a_worker_waits_for_room_and_repeats_no_item(mailbox_a: Mailbox, settings: Settings) -> None:
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0
    done: list[int] = []
    room = threading.Timer(0.5, _in_thread, [ROOM_AGAIN])

    def work(run: ReceiptSyncRun, progress: Progress) -> None:
        for number in progress.track(range(3)):
            done.append(number)
            if number == 1:
                execute(DISK_FULL)
                room.start()

    run = work_through(start_sync(mailbox_a), work)
    room.join()
    assert (run.status, run.processed, run.attempt, done) == ("completed", 3, 1, [0, 1, 2])


def _in_thread(sql: str) -> None:
    try:
        execute(sql)
    finally:
        connection.close()
