"""Failed recipients: when each may be tried again, and what can be done."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from rest_framework.test import APIClient

from broadcasts.messages import Message
from broadcasts.meta_errors import RULES, FaultScope, rule_of
from broadcasts.models import ProviderAccount, Recipient, WhatsAppBroadcast
from broadcasts.providers import Accepted
from broadcasts.providers.meta import MetaCloud
from broadcasts.sending import send
from demo.fakes import graph as wire
from demo.fakes import webhooks
from demo.fakes.graph import GraphServer
from runs.states import ItemStatus, Status
from tests.actors import read_run, work_through
from tests.cast import MakeRun
from tests.whatsapp import broadcast, number, numbers, post_webhook

pytestmark = pytest.mark.django_db

CODES = ["131026", "131047", "131049", "131050", "130472", "131000", "not_delivered"]


@pytest.fixture
def ended(account_a: ProviderAccount, make_run: MakeRun) -> WhatsAppBroadcast:
    """Ended an hour ago, with one recipient failed by each code, and one by a limit of yesterday."""
    codes = [*CODES, "131049"]
    run: WhatsAppBroadcast = make_run(
        account_a.business,
        Status.COMPLETED,
        model=WhatsAppBroadcast,
        start_with={"account": account_a, "name": "Sale", "text": "Hello"},
        total=len(codes), processed=len(codes), failed=len(codes),
    )  # fmt: skip
    for n, code in enumerate(codes):
        hours = 25 if n == len(CODES) else 1
        Recipient.objects.create(
            run=run, key=f"+{number(n)}", phone=f"+{number(n)}", status=ItemStatus.FAILED,
            error_code=code, answered_at=Now() - timedelta(hours=hours),
        )  # fmt: skip
    return run


def test_a_retry_takes_only_recipients_that_may_be_tried_now(as_member_a: APIClient, ended: WhatsAppBroadcast) -> None:
    retryable = as_member_a.get(f"/api/whatsapp/broadcasts/{ended.pk}/retryable/").json()
    first = Recipient.objects.get(run=ended, error_code="131049", phone=f"+{number(2)}")
    assert first.answered_at is not None
    assert retryable.pop("next_at")[:16] == (first.answered_at + timedelta(hours=24)).isoformat()[:16]
    assert retryable == {"now": 3, "later": 1, "never": 4}
    again = as_member_a.post(f"/api/runs/broadcast/{ended.pk}/retry-failed/").json()
    retried = Recipient.objects.filter(run=again["id"]).order_by("pk")
    assert [item.phone for item in retried] == [f"+{number(n)}" for n in (5, 6, 7)]


@pytest.mark.parametrize(("minutes", "count"), [(24 * 60 - 1, 0), (24 * 60 + 1, 1)])
def test_a_wait_of_a_day_is_24_hours(ended: WhatsAppBroadcast, minutes: int, count: int) -> None:
    rows = Recipient.objects.filter(run=ended, error_code="131049")
    rows.update(answered_at=Now() - timedelta(minutes=minutes))
    assert ended.failed_items().filter(pk__in=rows, error_code="131049").count() == count * rows.count()


def test_a_refused_retry_says_when_the_next_one_may_be(as_member_a: APIClient, ended: WhatsAppBroadcast) -> None:
    Recipient.objects.filter(run=ended).exclude(phone__in=[f"+{number(n)}" for n in range(5)]).delete()
    url = f"/api/runs/broadcast/{ended.pk}/retry-failed/"
    refused = as_member_a.post(url)
    [error] = refused.json()["errors"]
    assert (refused.status_code, error["code"]) == (409, "wrong_state")
    assert error["detail"].startswith("Nothing can be retried now. 1 person can be retried from: ")
    Recipient.objects.filter(run=ended, error_code="131049").delete()
    assert "None of the failed messages can be retried" in as_member_a.post(url).json()["errors"][0]["detail"]


def test_each_failed_recipient_has_advice(as_member_a: APIClient, ended: WhatsAppBroadcast) -> None:
    items = as_member_a.get(f"/api/runs/broadcast/{ended.pk}/items/").json()["results"]
    by_code = {item["error_code"]: item for item in items}
    assert (
        by_code["131047"]["advice"] == "They haven't written within 24 hours. Send them an approved template instead."
    )
    assert (by_code["131047"]["is_retryable"], by_code["131047"]["retry_after"]) == (False, None)
    assert (by_code["131049"]["is_retryable"], bool(by_code["131049"]["retry_after"])) == (True, True)
    assert (by_code["131000"]["is_retryable"], by_code["131000"]["retry_after"]) == (True, None)


def test_the_page_shows_advice_and_retries(client: Client, member_a: User, ended: WhatsAppBroadcast) -> None:
    client.force_login(member_a)
    page = client.get(f"/b/business-a/broadcasts/?run={ended.pk}&state=failed").content.decode()
    assert "3 people can be retried now." in page
    assert "1 person can be retried later, from:" in page
    assert "Contact them another way" in page


@pytest.mark.parametrize("code", sorted(RULES))
def test_every_code_has_advice(code: str) -> None:
    assert rule_of(code).advice
    assert rule_of(code).retry is not None or rule_of(code).scope in (FaultScope.RECIPIENT, FaultScope.STOPPED)


def test_a_failure_by_webhook_follows_the_same_rules(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(1))
    recipient = Recipient.objects.get(run=run)
    post_webhook(
        webhooks.of_number(
            account_a,
            statuses=[webhooks.status("failed", "wamid.1", recipient.tracker, webhooks.error(131049, "Not delivered"))],
        )
    )
    failed = Recipient.objects.get(run=run)
    assert (failed.status, failed.error_message) == ("failed", "Not delivered: Details of 131049.")
    assert failed.answered_at is not None
    assert failed.retry_after == failed.answered_at + timedelta(hours=24)
    assert not read_run(run).failed_items().exists()


# Accepted isn't sent


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("answer", "delivery"),
    [(wire.SENT, "accepted"), (wire.HELD, "held_for_quality_assessment"), (wire.PAUSED, "paused")],
)
def test_the_message_status_of_the_answer_is_stored(
    account_a: ProviderAccount, graph: GraphServer, answer: wire.Answer, delivery: str
) -> None:
    graph.otherwise = answer
    run = work_through(broadcast(account_a, numbers(1)), send)
    recipient = Recipient.objects.get(run=run)
    assert (recipient.status, recipient.delivery, recipient.is_confirmed) == ("done", delivery, None)
    assert recipient.state_label == Recipient.Delivery(delivery).label
    for name, is_confirmed in (("sent", True), ("delivered", True)):
        post_webhook(webhooks.of_number(account_a, statuses=[webhooks.status(name, recipient.message_id)]))
        recipient.refresh_from_db()
        assert (recipient.delivery, recipient.is_confirmed) == (name, is_confirmed)


@pytest.mark.django_db(transaction=True)
def test_the_answer_never_undoes_an_earlier_webhook(
    account_a: ProviderAccount, graph: GraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = broadcast(account_a, numbers(1))
    tracker = Recipient.objects.get(run=run).tracker
    delivered = webhooks.of_number(account_a, statuses=[webhooks.status("delivered", "wamid.1", tracker)])
    send_by_meta = MetaCloud.send

    def send_after_webhook(self: MetaCloud, message: Message) -> Accepted:
        accepted = send_by_meta(self, message)
        post_webhook(delivered)
        return accepted

    monkeypatch.setattr(MetaCloud, "send", send_after_webhook)
    work_through(run, send)
    recipient = Recipient.objects.get(run=run)
    assert (recipient.delivery, read_run(run).delivered, read_run(run).sent) == ("delivered", 1, 1)


def test_a_message_without_a_status_for_a_day_is_not_confirmed(
    client: Client, member_a: User, account_a: ProviderAccount
) -> None:
    run = broadcast(account_a, numbers(4))
    for n, (delivery, hours) in enumerate([("accepted", 25), ("accepted", 1), ("delivered", 25), ("", 25)]):
        Recipient.objects.filter(run=run, phone=f"+{number(n)}").update(
            status=ItemStatus.DONE, delivery=delivery, answered_at=Now() - timedelta(hours=hours)
        )
    rows = Recipient.objects.filter(run=run).order_by("pk")
    assert [row.is_confirmed for row in rows] == [False, None, True, False]
    client.force_login(member_a)
    page = client.get(f"/b/business-a/broadcasts/?run={run.pk}&state=unconfirmed").content.decode()
    assert page.count('data-item="done"') == 2
    assert page.count(">Not confirmed</span>") == 2


def test_held_back_and_not_confirmed_are_counted(client: Client, member_a: User, account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(5))
    WhatsAppBroadcast.objects.filter(pk=run.pk).update(processed=5, succeeded=5, delivered=1)
    deliveries = {"accepted": 25, "held_for_quality_assessment": 1, "paused": 25, "delivered": 25, "sent": 25}
    for n, (delivery, hours) in enumerate(deliveries.items()):
        Recipient.objects.filter(run=run, phone=f"+{number(n)}").update(
            status=ItemStatus.DONE, delivery=delivery, answered_at=Now() - timedelta(hours=hours)
        )
    client.force_login(member_a)
    page = client.get(f"/b/business-a/broadcasts/?run={run.pk}").content.decode()
    for words, count in (("Accepted", 5), ("Delivered", 1), ("Held back", 2), ("Not confirmed", 2), ("Waiting", 0)):
        assert re.search(rf">{words} <span[^>]*>{count}</span></a>", page)
