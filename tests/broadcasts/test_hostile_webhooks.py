"""Signed webhooks of any shape are answered 200, and their valid parts are applied."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries, Settings
from rest_framework.test import APIClient

from broadcasts.models import AccountStanding, OptOut, ProviderAccount, Recipient
from demo.fakes import webhooks
from tests.whatsapp import APP_SECRET, broadcast, number, numbers, post_webhook

pytestmark = pytest.mark.django_db

STRANGE: list[Any] = [
    *(None, True, 0, -1, 1.5, 10**30, "", "x", "\x00", "\ud800", "9" * 5000, "stop" * 5000),
    *([], {}, [[]], [{}], {"a": "\x00"}, [None, 7, "x"]),
]


@pytest.fixture
def account_a(account_a: ProviderAccount) -> ProviderAccount:
    account_a.waba_id = webhooks.WABA
    account_a.save(update_fields=["waba_id"])
    return account_a


def payloads(account: ProviderAccount, tracker: str) -> list[dict[str, Any]]:
    failed = webhooks.status("failed", "wamid.1", tracker, webhooks.error(131050))
    return [
        webhooks.of_number(account, statuses=[failed]),
        webhooks.of_number(account, messages=[webhooks.text(number(1), "stop")]),
        webhooks.of_number(account, messages=[webhooks.button(number(1), "stop")]),
        webhooks.of_number(account, messages=[webhooks.reply(number(1), "list_reply", "stop")]),
        webhooks.of_number(account, "user_preferences", user_preferences=[webhooks.preference(number(1), "stop")]),
        webhooks.of_account(
            account, "message_template_status_update", webhooks.template_status("APPROVED", "sale", "he")
        ),
        webhooks.of_account(account, "phone_number_quality_update", webhooks.quality_update("FLAGGED", "TIER_250")),
        webhooks.of_account(account, "business_capability_update", webhooks.capability_update(250)),
        webhooks.of_account(account, "account_update", webhooks.restriction("X", 1)),
        webhooks.of_account(account, "account_update", webhooks.ban("DISABLE")),
    ]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every member of it, as its holder and its name."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for name, member in list(members) for place in [(value, name), *places(member)]]


@pytest.mark.parametrize("kind", range(10))
def test_any_part_of_a_webhook_may_be_anything(account_a: ProviderAccount, kind: int) -> None:
    run = broadcast(account_a, numbers(2))
    payload = payloads(account_a, Recipient.objects.filter(run=run)[1].tracker)[kind]
    chance = random.Random(kind)
    for place in range(kind % 2, len(places(payload)), 2):  # every other one: they are much alike
        spoilt = deepcopy(payload)
        holder, name = places(spoilt)[place]
        holder[name] = chance.choice(STRANGE)
        body, headers = webhooks.sign(spoilt, APP_SECRET)
        answer = APIClient().post("/api/whatsapp/webhook/", body, content_type="application/json", headers=headers)
        assert answer.status_code in (200, 400, 403), (place, answer.content)
    post_webhook(payload)
    assert OptOut.objects.exists() if kind < 5 else True


@pytest.mark.parametrize("strange", STRANGE)
def test_a_strange_part_doesnt_affect_the_others(account_a: ProviderAccount, strange: Any) -> None:
    run = broadcast(account_a, numbers(2))
    tracker = Recipient.objects.filter(run=run).order_by("pk")[1].tracker
    status = webhooks.status("delivered", "wamid.1", tracker)
    odd = {**status, "pricing": strange, "conversation": strange, "errors": strange, "recipient_id": strange}
    messages = [{"type": "text", "text": strange, "from": number(0)}, webhooks.text(number(0), "STOP")]
    post_webhook(webhooks.of_number(account_a, statuses=[{"status": strange}, odd], messages=messages))
    assert Recipient.objects.filter(run=run).order_by("pk")[1].delivery == "delivered"
    assert OptOut.objects.get().phone == f"+{number(0)}"


@pytest.mark.parametrize("strange", STRANGE)
def test_a_person_without_a_number_doesnt_affect_the_others(account_a: ProviderAccount, strange: Any) -> None:
    stopped = {**webhooks.status("failed", "wamid.9", error=webhooks.error(131050)), "recipient_id": strange}
    messages = [webhooks.text(number(0), "STOP") | {"from": strange}, webhooks.text(number(1), "STOP")]
    preferences = [webhooks.preference(number(0), "stop") | {"wa_id": strange}, webhooks.preference(number(2), "stop")]
    post_webhook(webhooks.of_number(account_a, messages=messages, statuses=[stopped], user_preferences=preferences))
    assert sorted(OptOut.objects.values_list("phone", flat=True)) == [f"+{number(1)}", f"+{number(2)}"]


def test_an_endless_error_in_the_largest_webhook_is_stored_in_part(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(1))
    recipient = Recipient.objects.get(run=run)
    error = webhooks.error(131026) | {"title": "x" * 3 * 1024**2}
    post_webhook(
        webhooks.of_number(account_a, statuses=[webhooks.status("failed", "wamid.1", recipient.tracker, error)])
    )
    recipient.refresh_from_db()
    assert (recipient.status, len(recipient.error_message)) == ("failed", 1000)


@pytest.mark.parametrize("at", ["soon", None, -5, 10**30, [], "9" * 400])
def test_a_strange_timestamp_is_read_as_now_or_long_ago(account_a: ProviderAccount, at: Any) -> None:
    post_webhook(webhooks.of_number(account_a, messages=[webhooks.text(number(0), "STOP") | {"timestamp": at}]))
    assert OptOut.objects.in_force().count() == 1


def test_a_webhook_with_a_thousand_parts_is_applied(account_a: ProviderAccount) -> None:
    messages = [webhooks.text(number(n), "hello") for n in range(500)] + [webhooks.text(number(9), "STOP")] * 20
    statuses = [webhooks.status("delivered", f"wamid.{n}") for n in range(1000)]
    post_webhook(webhooks.of_number(account_a, messages=messages, statuses=statuses))
    assert OptOut.objects.count() == 1


def test_unsigned_webhooks_change_nothing(account_a: ProviderAccount) -> None:
    for payload in payloads(account_a, ""):
        body, headers = webhooks.sign(payload, "guessed")
        answer = APIClient().post("/api/whatsapp/webhook/", body, content_type="application/json", headers=headers)
        assert answer.status_code == 403
    assert not OptOut.objects.exists()
    assert not AccountStanding.objects.exists()


def send_unsigned(payload: Any, signature: str) -> Any:
    headers = {"X-Hub-Signature-256": signature}
    return APIClient().post("/api/whatsapp/webhook/", payload, format="json", headers=headers)


@pytest.mark.parametrize("signature", ["", "x", "sha256=", "sha256=" + "g" * 64, "sha256=" + "0" * 65, "é" * 71])
def test_what_is_no_signature_is_refused_without_reading_accounts(
    account_a: ProviderAccount, signature: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        assert send_unsigned({}, signature).status_code == 403


def test_searching_all_accounts_for_a_signer_is_limited_by_address(
    account_a: ProviderAccount, settings: Settings
) -> None:
    framework = settings.REST_FRAMEWORK
    rates = {**framework["DEFAULT_THROTTLE_RATES"], "webhook": "2/minute"}
    settings.REST_FRAMEWORK = {**framework, "DEFAULT_THROTTLE_RATES": rates}
    for _ in range(3):
        post_webhook({"entry": []})  # signed: it isn't counted
    refused = [send_unsigned({"entry": []}, "sha256=" + "0" * 64) for _ in range(3)]
    assert [answer.status_code for answer in refused] == [403, 403, 429]
    assert 1 <= int(refused[2].headers["Retry-After"]) <= 30
    post_webhook(webhooks.of_number(account_a, messages=[webhooks.text(number(1), "stop")]))  # it names its account
    assert OptOut.objects.exists()
