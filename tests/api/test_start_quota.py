"""A business that has started as many runs as it may is told what its quota is, and when the next one can start."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from pytest_django import Settings
from rest_framework.test import APIClient

from broadcasts.models import WhatsAppBroadcast
from receipts.models import ReceiptSyncRun
from runs.drill.models import DrillRun
from runs.exceptions import StartQuotaReached
from runs.lifecycle import start
from runs.models import Business, Throttle
from runs.states import Status
from tests.cast import MakeRun
from tests.whatsapp import create_account

pytestmark = pytest.mark.django_db

RECEIPTS = "/api/receipts/sync/"
BROADCASTS = "/api/whatsapp/broadcasts/"


def sync(client: APIClient, business: Business, **headers: str) -> Any:
    """Start a sync, and end it: only one may be active."""
    answer = client.post(RECEIPTS, {"business": business.pk, "mode": "full"}, headers=headers)
    ReceiptSyncRun.objects.active().transition_to(Status.CANCELLED)
    return answer


def send(client: APIClient, business: Business, numbers: str = "050-2000000") -> Any:
    body = {"business": business.pk, "name": "Sale", "text": "Hello", "numbers": numbers}
    return client.post(BROADCASTS, body)


def let_time_pass(seconds: int) -> None:
    Throttle.objects.update(paid_at=F("paid_at") - timedelta(seconds=seconds))


def test_without_a_quota_nothing_is_counted(as_member_a: APIClient, business_a: Business, mailbox_a: object) -> None:
    assert {sync(as_member_a, business_a).status_code for _number in range(5)} == {202}
    assert not Throttle.objects.exists()


@pytest.mark.usefixtures("stopped_clock")
def test_a_start_beyond_the_quota_is_told_what_it_is_and_when_the_next_can_start(
    as_member_a: APIClient, business_a: Business, mailbox_a: object, settings: Settings
) -> None:
    settings.RUNS_START_QUOTA = "3/hour"
    assert [sync(as_member_a, business_a).status_code for _number in range(3)] == [202] * 3
    refused = sync(as_member_a, business_a)
    assert (refused.status_code, refused.json()) == (
        429,
        {
            "type": "client_error",
            "errors": [
                {
                    "code": "start_quota",
                    "detail": "Your business may start 3 runs per hour. The next one can start in 20 minutes.",
                    "attr": None,
                }
            ],
        },
    )
    assert refused.headers["Retry-After"] == "1200"
    assert ReceiptSyncRun.objects.count() == 3
    let_time_pass(1200)
    assert sync(as_member_a, business_a).status_code == 202


def test_each_business_has_its_own(
    as_member_a: APIClient,
    as_member_b: APIClient,
    business_a: Business,
    business_b: Business,
    mailbox_a: object,
    mailbox_b: object,
    settings: Settings,
) -> None:
    settings.RUNS_START_QUOTA = "1/hour"
    assert [sync(as_member_a, business_a).status_code for _number in range(2)] == [202, 429]
    assert sync(as_member_b, business_b).status_code == 202


def test_all_types_count_together_but_those_with_a_quota_of_their_own(
    as_member_a: APIClient, business_a: Business, mailbox_a: object, settings: Settings
) -> None:
    create_account(business_a)
    settings.RUNS_START_QUOTA = "2/hour"
    assert [sync(as_member_a, business_a).status_code, send(as_member_a, business_a).status_code] == [202, 202]
    assert send(as_member_a, business_a).status_code == 429
    settings.RUNS_START_QUOTAS = {WhatsAppBroadcast.slug: "1/day", DrillRun.slug: None}
    assert [send(as_member_a, business_a).status_code, sync(as_member_a, business_a).status_code] == [202, 429]
    refused = send(as_member_a, business_a)
    detail = "Your business may start 1 run of this type per day. The next one can start in 24 hours."
    assert (refused.status_code, refused.json()["errors"][0]["detail"]) == (429, detail)
    for _number in range(3):
        start(DrillRun, business_a, steps=1)


def test_the_same_idempotency_key_costs_once(
    as_member_a: APIClient, business_a: Business, mailbox_a: object, settings: Settings
) -> None:
    settings.RUNS_START_QUOTA = "2/hour"
    again = [sync(as_member_a, business_a, **{"Idempotency-Key": "one"}) for _number in range(4)]
    assert [answer.status_code for answer in again] == [202] * 4
    answers = [sync(as_member_a, business_a, **{"Idempotency-Key": key}).status_code for key in ("two", "three", "one")]
    assert answers == [202, 429, 202]


def test_a_refused_start_costs_nothing(
    as_member_a: APIClient, business_a: Business, mailbox_a: object, make_run: MakeRun, settings: Settings
) -> None:
    create_account(business_a)
    make_run(business_a, "running", model=ReceiptSyncRun, start_with={"mailbox": mailbox_a})
    settings.RUNS_START_QUOTA = "1/hour"
    body = {"business": business_a.pk, "mode": "full"}
    assert [as_member_a.post(RECEIPTS, body).status_code for _number in range(3)] == [409] * 3
    assert as_member_a.post(RECEIPTS, {**body, "mode": "nonsense"}).status_code == 400
    assert [send(as_member_a, business_a, "nobody").status_code for _number in range(3)] == [400] * 3
    assert send(as_member_a, business_a).status_code == 202
    assert as_member_a.post(RECEIPTS, body).status_code == 409  # which run is active is still told
    assert send(as_member_a, business_a).status_code == 429


def test_a_retry_is_a_start_and_a_resume_is_none(
    as_member_a: APIClient, business_a: Business, make_run: MakeRun, settings: Settings
) -> None:
    run = make_run(business_a, "running")
    settings.RUNS_START_QUOTA = "1/hour"

    def do(action: str, status: str) -> int:
        """Do it once the run is in that status."""
        rows = type(run).objects.filter(pk=run.pk)
        rows.exclude(status=status).update(status=status)
        code = int(as_member_a.post(f"/api/runs/{run.slug}/{run.pk}/{action}/").status_code)
        rows.filter(status=Status.QUEUED).update(status=Status.RUNNING)
        return code

    assert do("retry", "running") == 409
    assert [do("resume", "paused"), do("resume", "paused"), do("resume", "paused")] == [200] * 3
    assert [do("retry", "failed"), do("retry", "failed")] == [200, 429]
    run.refresh_from_db()
    assert run.status == Status.FAILED


def test_a_retry_of_the_failed_items_is_a_start(
    as_member_a: APIClient, business_a: Business, make_run: MakeRun, settings: Settings
) -> None:
    run = make_run(business_a, "failed", failed_items=2)
    url = f"/api/runs/{run.slug}/{run.pk}/retry-failed/"
    settings.RUNS_START_QUOTA = "1/hour"
    assert as_member_a.post(url).status_code == 202
    type(run).objects.active().transition_to(Status.CANCELLED)
    refused = as_member_a.post(url)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (429, "start_quota")
    assert type(run).objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_starts_at_the_same_time_exceed_no_quota(business_a: Business, settings: Settings) -> None:
    settings.RUNS_START_QUOTA = "5/hour"

    def start_one(_number: int) -> bool:
        try:
            start(DrillRun, business_a, steps=1)
        except StartQuotaReached:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(start_one, range(18))) == 5
    assert DrillRun.objects.count() == 5
