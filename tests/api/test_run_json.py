"""The JSON of a run: its keys, its verdict, and when the response is 304."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import get_language
from knox.models import AuthToken
from pytest_django import Settings
from rest_framework.test import APIClient

from receipts.models import Mailbox, ReceiptSyncRun
from runs.api.run_json import serialize_run
from runs.models import Business, Run
from runs.readers.one_run import fetch_run
from tests.cast import MakeRun
from tests.contract.models import CountingRun

# The contract, in its order.
KEYS = [
    "id", "type", "business_id", "status", "status_label", "total", "processed", "succeeded", "failed", "skipped",
    "progress_pct", "eta_seconds", "rate", "created_at", "started_at", "heartbeat_at", "progress_at", "finished_at",
    "seconds_since_heartbeat", "stale_after_seconds", "is_stale", "verdict", "attempt", "version", "error_code",
    "error_message", "requested", "actions", "server_now", "details",
]  # fmt: skip


def url(run: Any) -> str:
    return f"/api/runs/{run.slug}/{run.pk}/"


def without_ages(body: dict[str, Any]) -> dict[str, Any]:
    return {key: body[key] for key in body if key not in ("server_now", "seconds_since_heartbeat", "verdict")}


def test_it_has_exactly_the_keys_of_the_contract(
    as_member_a: APIClient, business_a: Business, make_run: MakeRun
) -> None:
    body = as_member_a.get(url(make_run(business_a, "running"))).json()
    assert list(body) == KEYS
    assert list(body["verdict"]) == ["code", "label", "message", "evidence"]


def test_unknown_values_are_null(as_member_a: APIClient, business_a: Business, make_run: MakeRun) -> None:
    body = as_member_a.get(url(make_run(business_a))).json()
    unknown = {key for key, value in body.items() if value is None}
    assert unknown == {
        "total", "progress_pct", "eta_seconds", "rate", "started_at", "heartbeat_at", "progress_at", "finished_at",
        "seconds_since_heartbeat",
    }  # fmt: skip
    assert (body["status"], body["verdict"]["code"]) == ("queued", "waiting_for_worker")


@pytest.mark.usefixtures("stopped_clock")
def test_a_working_run_shows_its_figures(as_member_a: APIClient, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "running", total=100, processed=40, succeeded=38, failed=2, progress_pct=40.0, eta=30.4)
    body = as_member_a.get(url(run)).json()
    assert (body["progress_pct"], body["eta_seconds"], body["verdict"]["code"]) == (40.0, 30, "working")
    assert body["actions"] == ["cancel", "pause"]
    assert body["seconds_since_heartbeat"] == 0
    assert body["stale_after_seconds"] == 300


def test_details_are_the_types_own_fields(as_member_a: APIClient, business_a: Business, make_sync_run: MakeRun) -> None:
    run = make_sync_run(business_a, start_with={"mode": "range", "from_date": "2026-01-01", "to_date": "2026-01-31"})
    body = as_member_a.get(url(run)).json()
    about = body["details"].pop("about")
    assert body["details"] == {
        "mailbox_id": run.mailbox_id,
        "mode": "range",
        "from_date": "2026-01-01",
        "to_date": "2026-01-31",
        "receipts_found": 0,
    }
    assert (about["name"], about["mode"], about["unit"]) == (run.mailbox.name, "Jan 1, 2026 – Jan 31, 2026", "messages")


def test_list_and_status_show_a_run_in_the_same_shape(
    as_member_a: APIClient, business_a: Business, make_sync_run: MakeRun
) -> None:
    detail = as_member_a.get(url(make_sync_run(business_a, "failed", error_code="reset", error_message="x"))).json()
    listed = as_member_a.get("/api/runs/").json()["results"][0]
    latest = as_member_a.get(f"/api/receipts/sync/status/?business={business_a.slug}").json()
    for other in (listed, latest):
        assert without_ages(other) == without_ages(detail)


SECONDS_OF_UNIT = {"seconds": 1, "minutes": 60, "שניות": 1, "דקות": 60}


@pytest.mark.parametrize("threshold", [23, 90, 150, 300])
def test_staleness_in_words_is_never_less_than_the_threshold(
    as_member_a: APIClient,
    admin_client: Client,
    business_a: Business,
    make_run: MakeRun,
    settings: Settings,
    threshold: int,
) -> None:
    settings.RUNS_STALE_AFTER_SECONDS = threshold
    run = make_run(business_a, "running", silent_for=threshold + 0.01)
    for language, words in (("en", r"not been updated for (\d+) (\w+)"), ("he", r"לא התעדכנה מזה (\d+) (\w+)")):
        message = as_member_a.get(url(run), HTTP_ACCEPT_LANGUAGE=language).json()["verdict"]["message"]
        page = admin_client.get(f"/admin/contract/countingrun/{run.pk}/change/", HTTP_ACCEPT_LANGUAGE=language)
        for text in (message, page.content.decode()):
            [(number, unit)] = re.findall(words, text)
            assert threshold <= int(number) * SECONDS_OF_UNIT[unit] < threshold + 60


@pytest.mark.usefixtures("stopped_clock")
def test_labels_are_in_the_readers_language(as_member_a: APIClient, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "running", silent_for=330)
    body = as_member_a.get(url(run), HTTP_ACCEPT_LANGUAGE="en").json()
    assert body["verdict"]["message"] == "The task has not been updated for 5 minutes"
    assert body["error_message"] == "Run marked as failed due to no heartbeat for 330s"


@pytest.mark.parametrize("status", ["running", "completed"])
def test_a_run_costs_two_statements_by_token_and_three_by_session(
    as_member_a: APIClient, client: Client, member_a: User, business_a: Business, make_sync_run: MakeRun, status: str
) -> None:
    run = make_sync_run(business_a, status, total=9, processed=8, pace=[[1.0, 4], [2.0, 8]])
    assert as_member_a.get(url(run)).json()["details"]["about"]["average_rate"] == 4
    AuthToken.objects.create(member_a, expiry=timedelta(seconds=-1))  # of a caller with other, expired tokens
    client.force_login(member_a)
    for caller, expected in ((as_member_a, 2), (client, 3)):
        with CaptureQueriesContext(connection) as statements:
            assert caller.get(url(run)).status_code == 200
        assert len(statements) == expected
        assert sum("knox_authtoken" in each["sql"] for each in statements) == 3 - expected


# ETag


def test_an_unchanged_run_is_answered_304(as_member_a: APIClient, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "running")
    etag = as_member_a.get(url(run)).headers["ETag"]
    assert etag.startswith('W/"')
    again = as_member_a.get(url(run), HTTP_IF_NONE_MATCH=etag)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("change", [{"version": 99}, {"silent_for": 70}, {"silent_for": 400}])
def test_a_visible_change_changes_the_etag(
    as_member_a: APIClient, business_a: Business, make_run: MakeRun, change: dict[str, int]
) -> None:
    run = make_run(business_a, "running")
    etag = as_member_a.get(url(run)).headers["ETag"]
    silence = change.pop("silent_for", 0)
    CountingRun.objects.filter(pk=run.pk).update(heartbeat_at=Now() - timedelta(seconds=silence), **change)
    assert as_member_a.get(url(run), HTTP_IF_NONE_MATCH=etag).status_code == 200


def test_another_language_has_another_etag(as_member_a: APIClient, business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "running")
    etag = as_member_a.get(url(run), HTTP_ACCEPT_LANGUAGE="en").headers["ETag"]
    assert as_member_a.get(url(run), HTTP_ACCEPT_LANGUAGE="he", HTTP_IF_NONE_MATCH=etag).status_code == 200


# What isn't there


@pytest.mark.parametrize(
    "path", ["nothing/1/", "counting/0/", "counting/x/", f"counting/{10**30}/", "counting/-1/",
             f"counting/{'9' * 5000}/", "%00/1/", "counting/1%00/", "counting/١/"]
)  # fmt: skip
def test_an_address_of_no_run_is_404(as_member_a: APIClient, path: str) -> None:
    response = as_member_a.get(f"/api/runs/{path}")
    assert (response.status_code, response.json()["type"]) == (404, "client_error")


# The cache of runs that have ended


def read(model: type[Run], pk: int) -> Run:
    run = fetch_run(model, pk)
    assert run
    return run


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """Of which runs the texts were made, and in which languages."""
    made: list[tuple[int, str]] = []

    def count_label(run: ReceiptSyncRun, n: int) -> str:
        made.append((run.pk, get_language() or ""))
        return f"{n} messages"

    monkeypatch.setattr(ReceiptSyncRun, "count_label", count_label)
    return made


def test_an_ended_run_is_serialized_once_for_each_language(
    as_member_a: APIClient, business_a: Business, make_sync_run: MakeRun, made: list[tuple[int, str]]
) -> None:
    run, other = (make_sync_run(business_a, "completed", total=9, processed=9) for _ in range(2))
    first, again = (as_member_a.get(url(run)).json() for _ in range(2))
    assert made == [(run.pk, "en")]
    assert without_ages(again) == without_ages(first)
    assert again["server_now"] > first["server_now"]
    assert as_member_a.get(url(other)).json()["id"] == other.pk
    hebrew = as_member_a.get(url(run), HTTP_ACCEPT_LANGUAGE="he").json()
    assert hebrew["status_label"] != first["status_label"]
    assert made == [(run.pk, "en"), (other.pk, "en"), (run.pk, "he")]


def test_any_change_of_an_ended_run_is_shown(
    as_member_a: APIClient, business_a: Business, make_sync_run: MakeRun
) -> None:
    run = make_sync_run(business_a, "completed", total=9, processed=9)
    assert as_member_a.get(url(run)).json()["details"]["about"]["result"] == ""
    ReceiptSyncRun.objects.filter(pk=run.pk).update(receipts_found=3)  # without a new version
    assert as_member_a.get(url(run)).json()["details"]["about"]["result"] == "3 receipts"
    Mailbox.objects.filter(pk=run.mailbox_id).update(name="Renamed")
    assert as_member_a.get(url(run)).json()["details"]["about"]["name"] == "Renamed"
    with timezone.override("Asia/Tokyo"):
        assert serialize_run(read(ReceiptSyncRun, run.pk))["created_at"].endswith("+09:00")


def test_the_message_of_a_stale_run_counts_on(business_a: Business, make_run: MakeRun) -> None:
    run = read(CountingRun, make_run(business_a, "running", silent_for=330).pk)
    assert "5 minutes" in serialize_run(run)["verdict"]["message"]
    run.heartbeat_age = 3 * 3600  # as somebody reads it later, from the same row
    assert "3 hours" in serialize_run(run)["verdict"]["message"]


def test_a_run_with_a_list_in_its_row_is_serialized_each_time(business_a: Business, make_run: MakeRun) -> None:
    """As an array column has it: such a row can't be looked up."""
    run = read(CountingRun, make_run(business_a, "failed").pk)
    cached = serialize_run(run)
    run.ended_row = ([1, 2],)
    assert serialize_run(run) == cached


@pytest.mark.parametrize("status", ["queued", "running", "paused"])
def test_nothing_of_an_active_run_is_cached(business_a: Business, make_run: MakeRun, status: str) -> None:
    assert read(CountingRun, make_run(business_a, status).pk).ended_row is None
