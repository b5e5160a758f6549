"""Every change of status is recorded with who made it, why, and on what evidence."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from runs.lifecycle.reset import reset_progress
from runs.models import Business
from runs.models.audit import Actor
from runs.progress import Progress
from runs.readers.timeline import EVENTS_SHOWN, events_of
from tests.actors import age_heartbeat, claim_counting, read_run, start_counting, work_through
from tests.cast import MakeRun
from tests.contract.models import CountingRun

pytestmark = pytest.mark.django_db(transaction=True)


def read_timeline(run: CountingRun) -> list[tuple[str, str, str]]:
    return [
        (
            event.status,
            (event.pgh_context or {}).get("actor", {}).get("kind", ""),
            (event.pgh_context or {}).get("reason", ""),
        )
        for event in run.events.order_by("pgh_id")
    ]


def test_a_failure_records_its_traceback(business_a: Business) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        raise ZeroDivisionError("nothing to divide")

    run = work_through(start_counting(business_a), work)
    assert read_timeline(run) == [
        ("queued", "system", "started"),
        ("running", "worker", "claimed"),
        ("failed", "worker", "exception"),
    ]
    assert "ZeroDivisionError" in run.events.latest("pgh_id").pgh_context["traceback"]
    assert "ZeroDivisionError" not in run.error_message


def test_a_reader_that_expires_a_run_is_recorded(business_a: Business) -> None:
    run = claim_counting(business_a)
    age_heartbeat(run, 301)
    read_run(run)
    assert read_timeline(run)[-1] == ("failed", "reader", "no heartbeat")
    event = run.events.latest("pgh_id")
    assert (event.worker, event.attempt, event.error_code) == ("worker@test", 1, "stale")


def test_a_reset_records_the_reason_that_was_given(business_a: Business) -> None:
    run = start_counting(business_a)
    reset_progress(run.business, actor=Actor("staff", "dana", 7), reason="called by phone")
    assert read_timeline(run)[-1] == ("failed", "staff", "called by phone")


def test_a_change_by_hand_is_recorded_without_an_actor(business_a: Business) -> None:
    run = start_counting(business_a)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {CountingRun._meta.db_table} SET status = 'cancelled'")
    assert read_timeline(run)[-1] == ("cancelled", "", "")


def test_progress_writes_no_history(business_a: Business) -> None:
    run = claim_counting(business_a)
    progress = Progress(run)
    with progress.allow_silence(minutes=1):
        pass
    assert len(read_timeline(run)) == 2


# Shown on pages


def change_many_times(run: Any, times: int) -> None:
    first = run.events.order_by("pgh_id")[0]
    columns = {
        name: getattr(first, name) for name in ("pgh_obj_id", "pgh_created_at", "pgh_label", "status", "attempt")
    }
    type(first).objects.bulk_create(type(first)(**columns, processed=n) for n in range(times))


def test_pages_show_the_newest_changes_and_say_that_there_are_others(
    business_a: Business, mailbox_a: object, make_sync_run: MakeRun, member_a: User, staff: User, client: Client
) -> None:
    run = make_sync_run(business_a)
    pages = {
        member_a: f"/b/business-a/runs/receipt_sync/{run.pk}/",
        staff: f"/admin/receipts/receiptsyncrun/{run.pk}/change/",
    }
    for times, is_cut in ((EVENTS_SHOWN - 2, False), (10, True)):
        change_many_times(run, times)
        for user, address in pages.items():
            client.force_login(user)
            html = client.get(address).content.decode()
            assert ("The newest 500 changes are shown" in html) is is_cut
    assert [event.processed for event in events_of(run)][-1] == 9
    assert len(events_of(run)) == EVENTS_SHOWN
