"""The API of receipt syncs: a start, and the status; and what a run of receipts shows besides what every run does."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from pytest_django import DjangoCaptureOnCommitCallbacks
from rest_framework.test import APIClient

from receipts.models import Mailbox, ReceiptSyncRun, ScannedMessage
from runs.models import Business
from tests.api.test_errors import check
from tests.cast import MakeRun
from tests.read_only import read_only_database

SYNC = "/api/receipts/sync/"
BUSY = {"business": "business-a", "mode": "full"}


def test_it_is_queued_published_and_answered_202(
    as_member_a: APIClient,
    mailbox_a: Mailbox,
    messages: list[Any],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        response = as_member_a.post(SYNC, {"business": "business-a", "mode": "incremental"})
    assert response.status_code == 202
    body = response.json()
    assert (body["status"], body["type"], body["details"]["mailbox_id"]) == ("queued", "receipt_sync", mailbox_a.pk)
    assert messages == [("runs.work_on_queue", ["receipts"])]
    run = ReceiptSyncRun.objects.get()
    assert run.created_by is not None
    assert run.created_by.username == "member-a"


def test_a_business_may_be_named_by_number(as_member_a: APIClient, mailbox_a: Mailbox) -> None:
    for business in (mailbox_a.business_id, str(mailbox_a.business_id)):
        ReceiptSyncRun.objects.all().delete()
        assert as_member_a.post(SYNC, {"business": business, "mode": "full"}).status_code == 202


def test_a_range_keeps_its_dates(as_member_a: APIClient, mailbox_a: Mailbox) -> None:
    body = {"business": "business-a", "mode": "range", "from_date": "2026-01-01", "to_date": "2026-01-01"}
    details = as_member_a.post(SYNC, body).json()["details"]
    assert (details["from_date"], details["to_date"]) == ("2026-01-01", "2026-01-01")


BAD: list[tuple[str, dict[str, Any]]] = [
    ("business", {"business": None}),
    ("business", {"business": True}),
    ("business", {"business": 1.5}),
    ("business", {"business": ["business-a"]}),
    ("business", {"business": {"id": 1}}),
    ("business", {"business": "\x00"}),
    ("business", {"business": ""}),
    ("mode", {"mode": "selected"}),
    ("mode", {"mode": "x"}),
    ("mode", {"mode": None}),
    ("mode", {"mode": ["full"]}),
    ("mode", {"mode": {}}),
    ("mode", {"mode": "\x00"}),
    ("mailbox", {"mailbox": "x"}),
    ("mailbox", {"mailbox": 0}),
    ("mailbox", {"mailbox": -1}),
    ("mailbox", {"mailbox": 10**40}),
    ("mailbox", {"mailbox": 2**63}),
    ("mailbox", {"mailbox": [1]}),
    ("mailbox", {"mailbox": "1" * 2000}),
    ("from_date", {"mode": "range"}),
    ("from_date", {"mode": "range", "to_date": "2026-01-01"}),
    ("to_date", {"mode": "range", "from_date": "2026-01-01"}),
    ("to_date", {"mode": "range", "from_date": "2026-01-02", "to_date": "2026-01-01"}),
    ("from_date", {"mode": "range", "from_date": "2026-02-30", "to_date": "2026-03-01"}),
    ("from_date", {"mode": "range", "from_date": 5, "to_date": "2026-03-01"}),
    ("from_date", {"mode": "range", "from_date": "0001-01-01", "to_date": "2026-03-01"}),
    ("to_date", {"mode": "range", "from_date": "2026-01-01", "to_date": "9999-12-31"}),
    ("from_date", {"from_date": "2026-01-01"}),
]


@pytest.mark.parametrize(("field", "change"), BAD)
def test_invalid_fields_are_named_and_start_nothing(
    as_member_a: APIClient, mailbox_a: Mailbox, field: str, change: dict[str, Any]
) -> None:
    response = as_member_a.post(SYNC, {**BUSY, **change})
    assert response.status_code == 400
    assert response.json()["type"] == "validation_error"
    assert response.json()["errors"][0]["attr"] == field
    assert not ReceiptSyncRun.objects.exists()


@pytest.mark.parametrize("field", ["business", "mode"])
def test_a_lone_surrogate_is_refused(as_member_a: APIClient, mailbox_a: Mailbox, field: str) -> None:
    body = json.dumps({**BUSY, field: "\ud800"})  # escaped, as a client may send it
    response = as_member_a.post(SYNC, body, content_type="application/json")
    assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "parse_error")


def test_a_character_outside_the_basic_plane_is_accepted(as_member_a: APIClient, mailbox_a: Mailbox) -> None:
    body = json.dumps({**BUSY, "mode": "🧾"})
    response = as_member_a.post(SYNC, body, content_type="application/json")
    assert (response.status_code, response.json()["errors"][0]["attr"]) == (400, "mode")


@pytest.mark.parametrize("field", ["business", "mode"])
def test_missing_fields_are_named(as_member_a: APIClient, mailbox_a: Mailbox, field: str) -> None:
    response = as_member_a.post(SYNC, {name: value for name, value in BUSY.items() if name != field})
    assert response.json()["errors"] == [{"code": "required", "detail": "This field is required.", "attr": field}]


# Mailboxes


def test_a_start_names_one_of_several_mailboxes(as_member_a: APIClient, mailbox_a: Mailbox) -> None:
    second = Mailbox.objects.create(business=mailbox_a.business, name="Second", username="x", secret="y")
    assert as_member_a.post(SYNC, BUSY).json()["errors"][0]["attr"] == "mailbox"
    response = as_member_a.post(SYNC, {**BUSY, "mailbox": second.pk})
    assert response.json()["details"]["mailbox_id"] == second.pk


def test_a_start_without_a_mailbox_is_refused(as_member_a: APIClient) -> None:
    response = as_member_a.post(SYNC, BUSY)
    assert (response.status_code, response.json()["errors"][0]["attr"]) == (400, "mailbox")


def test_a_mailbox_of_another_business_does_not_exist(
    as_member_a: APIClient, mailbox_a: Mailbox, mailbox_b: Mailbox
) -> None:
    others = as_member_a.post(SYNC, {**BUSY, "mailbox": mailbox_b.pk})
    nobodys = as_member_a.post(SYNC, {**BUSY, "mailbox": mailbox_b.pk + 1000})
    assert others.status_code == nobodys.status_code == 400
    assert others.content == nobodys.content


# One at a time


def test_a_second_start_is_answered_with_the_active_run(
    as_member_a: APIClient, business_a: Business, make_sync_run: MakeRun
) -> None:
    active = make_sync_run(business_a, "running")
    answer = as_member_a.post(SYNC, BUSY)
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["code"] == "active_run_exists"
    assert (answer.json()["run"]["id"], answer.json()["run"]["status"]) == (active.pk, "running")


def test_a_start_expires_an_overdue_run(as_member_a: APIClient, business_a: Business, make_sync_run: MakeRun) -> None:
    dead = make_sync_run(business_a, "running", silent_for=400)
    assert as_member_a.post(SYNC, BUSY).status_code == 202
    dead.refresh_from_db()
    assert (dead.status, dead.error_code) == ("failed", "stale")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", ["", "the same"])
def test_of_two_starts_at_once_one_wins(as_member_a: APIClient, mailbox_a: Mailbox, key: str) -> None:
    together = Barrier(2)
    token = as_member_a._credentials["HTTP_AUTHORIZATION"]  # type: ignore[attr-defined]

    def start(_: int) -> tuple[int, Any]:
        together.wait()
        try:
            response = APIClient().post(SYNC, BUSY, HTTP_AUTHORIZATION=token, HTTP_IDEMPOTENCY_KEY=key)
            return response.status_code, response.json()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        (first, won), (second, other) = sorted(pool.map(start, range(2)), key=lambda response: response[0])
    assert (first, second) == (202, 202 if key else 409)
    assert (other if key else other["run"])["id"] == won["id"]
    assert ReceiptSyncRun.objects.count() == 1


# Idempotency-Key


def test_the_same_key_returns_the_same_run_even_when_it_is_over(
    as_member_a: APIClient, business_a: Business, make_sync_run: MakeRun
) -> None:
    done = make_sync_run(business_a, "completed", idempotency_key="k")
    answer = as_member_a.post(SYNC, BUSY, HTTP_IDEMPOTENCY_KEY="k")
    assert (answer.status_code, answer.json()["id"], answer.json()["status"]) == (202, done.pk, "completed")


def test_the_same_key_of_another_business_is_another_run(
    as_member_a: APIClient, as_member_b: APIClient, mailbox_a: Mailbox, mailbox_b: Mailbox
) -> None:
    one = as_member_a.post(SYNC, BUSY, HTTP_IDEMPOTENCY_KEY="k")
    two = as_member_b.post(SYNC, {**BUSY, "business": "business-b"}, HTTP_IDEMPOTENCY_KEY="k")
    assert one.json()["id"] != two.json()["id"]


@pytest.mark.parametrize("key", ["x" * 201, "\x00"])
def test_an_impossible_key_is_refused(as_member_a: APIClient, mailbox_a: Mailbox, key: str) -> None:
    response = as_member_a.post(SYNC, BUSY, HTTP_IDEMPOTENCY_KEY=key)
    assert (response.status_code, response.json()["errors"][0]["attr"]) == (400, "Idempotency-Key")


# Status


def test_status_is_the_latest_run(as_member_a: APIClient, business_a: Business, make_sync_run: MakeRun) -> None:
    make_sync_run(business_a, "completed")
    latest = make_sync_run(business_a, "running")
    body = as_member_a.get(f"{SYNC}status/", {"business": business_a.pk}).json()
    assert (body["id"], body["status"]) == (latest.pk, "running")


def test_before_the_first_run_the_status_is_a_clear_404(as_member_a: APIClient) -> None:
    response = as_member_a.get(f"{SYNC}status/", {"business": "business-a"})
    assert (response.status_code, response.json()["errors"][0]["code"]) == (404, "no_run_yet")


def test_status_needs_a_business(as_member_a: APIClient) -> None:
    response = as_member_a.get(f"{SYNC}status/")
    assert (response.status_code, response.json()["errors"][0]["attr"]) == (400, "business")


def test_status_expires_an_overdue_run(as_member_a: APIClient, business_a: Business, make_sync_run: MakeRun) -> None:
    run = make_sync_run(business_a, "running", silent_for=301)
    assert as_member_a.get(f"{SYNC}status/?business=business-a").json()["error_code"] == "stale"
    run.refresh_from_db()
    assert (run.status, run.error_code) == ("failed", "stale")


@pytest.mark.django_db(transaction=True)
def test_without_writes_a_start_is_answered_503_and_the_status_is_stale(
    as_member_a: APIClient, business_a: Business, mailbox_a: Mailbox, make_sync_run: MakeRun
) -> None:
    make_sync_run(business_a, "running", silent_for=301)
    with read_only_database():
        response = as_member_a.post(SYNC, BUSY)
        assert check(response, 503, "server_error")["errors"][0]["code"] == "database_away"
        assert int(response.headers["Retry-After"]) > 0
        body = as_member_a.get(f"{SYNC}status/?business=business-a").json()
        assert (body["status"], body["error_code"], body["is_stale"]) == ("failed", "stale", True)
    assert ReceiptSyncRun.objects.get().status == "running", "nothing was written"


def test_a_retry_of_failed_messages_reads_only_those(
    as_member_a: APIClient, business_a: Business, make_sync_run: MakeRun
) -> None:
    run = make_sync_run(business_a, "completed", failed_items=3)
    retry = as_member_a.post(f"/api/runs/receipt_sync/{run.pk}/retry-failed/").json()
    assert retry["details"]["mode"] == "selected"
    assert ScannedMessage.objects.filter(run=retry["id"], status="pending").count() == 3


def test_a_message_shows_its_subject_and_sender(
    as_member_a: APIClient, business_a: Business, make_sync_run: MakeRun
) -> None:
    run = make_sync_run(business_a, "completed")
    ScannedMessage.objects.create(run=run, key="1:9", status="done", subject="Invoice", sender="Bezeq")
    [item] = as_member_a.get(f"/api/runs/receipt_sync/{run.pk}/items/").json()["results"]
    assert (item["subject"], item["sender"]) == ("Invoice", "Bezeq")
