"""Webhooks move recipients forward only, in any order and however often they come."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from broadcasts.models import OptOut, ProviderAccount, Recipient, WhatsAppBroadcast
from runs.models import Business
from runs.states import ItemStatus
from tests.whatsapp import APP_SECRET, VERIFY_TOKEN, broadcast, number, numbers, statuses

pytestmark = pytest.mark.django_db

URL = "/api/whatsapp/webhook/"
UNDELIVERABLE = {"code": 131026, "title": "Message undeliverable", "error_data": {"details": "Message Undeliverable."}}


def status(name: str, message_id: str, tracker: str = "") -> dict[str, Any]:
    part = {"id": message_id, "status": name, "timestamp": "1750857384", "recipient_id": number(0)}
    if tracker:
        part["biz_opaque_callback_data"] = tracker
    return part | ({"errors": [UNDELIVERABLE]} if name == "failed" else {})


def payload(account: ProviderAccount, **parts: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": "15556459128", "phone_number_id": account.phone_number_id}
    value = {"messaging_product": "whatsapp", "metadata": metadata, **parts}
    change = {"field": "messages", "value": value}
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}


def post(body: Any, secret: str = APP_SECRET, signature: str | None = None) -> int:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    if signature is None:
        signature = f"sha256={hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()}"
    headers = {"X-Hub-Signature-256": signature} if signature else {}
    client = APIClient()
    return int(client.post(URL, raw, content_type="application/json", headers=headers).status_code)


def post_statuses(account: ProviderAccount, *statuses: dict[str, Any]) -> None:
    assert post(payload(account, statuses=list(statuses))) == 200


@pytest.fixture
def run(account_a: ProviderAccount) -> WhatsAppBroadcast:
    """Three recipients, of whom the first two have been sent to."""
    run = broadcast(account_a, numbers(3))
    for n, recipient in enumerate(Recipient.objects.filter(run=run).order_by("pk")[:2]):
        Recipient.objects.filter(pk=recipient.pk).update(status=ItemStatus.DONE, message_id=f"wamid.{n}")
    WhatsAppBroadcast.objects.filter(pk=run.pk).update(processed=2, succeeded=2)
    return run


def counters_of(run: WhatsAppBroadcast) -> dict[str, int]:
    run.refresh_from_db()
    names = ("processed", "sent", "delivered", "read", "failed", "skipped", "unknown")
    return {name: getattr(run, name) for name in names if getattr(run, name)}


# Meta verifies the address


def test_the_address_is_confirmed_for_a_valid_verify_token(account_a: ProviderAccount, anonymous: APIClient) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": VERIFY_TOKEN, "hub.challenge": "1158201444"}
    answer = anonymous.get(URL, query)
    assert (answer.status_code, answer.content) == (200, b"1158201444")
    assert answer.headers["Content-Type"].startswith("text/plain")
    for wrong in ({"hub.verify_token": "guess"}, {"hub.verify_token": "הסר"}, {"hub.mode": "x"}):
        assert anonymous.get(URL, {**query, **wrong}).status_code == 403
    assert anonymous.get(URL).status_code == 403


# Signatures


@pytest.mark.parametrize(
    "signature", ["", "sha256=", "sha256=" + "0" * 64, "nonsense", "sha256=הסר".encode().decode("latin-1")]
)
def test_a_bad_signature_is_answered_403_and_changes_nothing(run: WhatsAppBroadcast, signature: str) -> None:
    assert post(payload(run.account, statuses=[status("read", "wamid.0")]), signature=signature) == 403
    assert counters_of(run) == {"processed": 2, "sent": 2}


def test_the_signature_is_of_the_raw_body(run: WhatsAppBroadcast) -> None:
    body = payload(run.account, statuses=[status("read", "wamid.0")])
    signature = f"sha256={hmac.new(APP_SECRET.encode(), json.dumps(body).encode(), hashlib.sha256).hexdigest()}"
    assert post(json.dumps(body, indent=1).encode(), signature=signature) == 403


def test_another_apps_signature_changes_nothing(run: WhatsAppBroadcast, account_b: ProviderAccount) -> None:
    body = payload(run.account, statuses=[status("read", "wamid.0")])
    assert post(body, secret="another-secret") == 403
    # Nor beside a change of its own account.
    mine = payload(account_b, statuses=[status("read", "wamid.0")])
    mine["entry"] += body["entry"]
    assert post(mine, secret="another-secret") == 200
    status_from_b = payload(account_b, statuses=[status("read", "", Recipient.objects.filter(run=run)[0].tracker)])
    assert post(status_from_b, secret="another-secret") == 200
    assert counters_of(run) == {"processed": 2, "sent": 2}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"not json",
        b'{"object": "page", "entry": [{"changes": [7, {"value": []}]}]}',
        b"\xff",
    ],
)
def test_foreign_payloads_change_nothing(run: WhatsAppBroadcast, body: bytes) -> None:
    assert post(body) == 200
    assert counters_of(run) == {"processed": 2, "sent": 2}


@pytest.mark.parametrize("character", ["\x00", "\ud800", "x\udfff"])
def test_an_unsigned_webhook_gets_the_unreadable_field(run: WhatsAppBroadcast, character: str) -> None:
    """The unreadable field is the number by which the account of the signature would be found."""
    body = payload(run.account, statuses=[status("read", "wamid.0")])
    body["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = character
    answer = APIClient().post(URL, json.dumps(body), content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "entry.0.changes.0.value.metadata.phone_number_id"
    assert counters_of(run) == {"processed": 2, "sent": 2}


@pytest.mark.parametrize("number", ["\x00", "\ud800", "9" * 5000, 10**4000, None, [], {"a": "\x00"}, True, 1.5])
def test_a_strange_number_beside_a_known_one_is_ignored(run: WhatsAppBroadcast, number: Any) -> None:
    body = payload(run.account, statuses=[status("read", "wamid.0")])
    strange = payload(run.account, statuses=[status("read", "wamid.1")])
    strange["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = number
    body["entry"] = strange["entry"] + body["entry"]
    assert post(body) == 200
    assert counters_of(run) == {"processed": 2, "sent": 2, "delivered": 1, "read": 1}


def test_a_webhook_without_a_number_matches_no_account_without_one(run: WhatsAppBroadcast) -> None:
    ProviderAccount.objects.filter(pk=run.account_id).update(phone_number_id="")
    body = payload(run.account, statuses=[status("read", "wamid.0")])
    assert post(body) == 200
    assert counters_of(run) == {"processed": 2, "sent": 2}


@pytest.mark.parametrize("character", ["\x00", "\ud800"])
def test_a_signed_webhook_is_cleaned_and_never_refused(run: WhatsAppBroadcast, character: str) -> None:
    """Meta passes on what people write, and would send a refused webhook again for days."""
    failed = status("failed", "wamid.0") | {"errors": [{"code": 1, "title": f"No{character}"}]}
    message = {"from": number(2), "id": character, "type": "text", "text": {"body": f"stop{character}"}}
    assert post(payload(run.account, statuses=[failed], messages=[message])) == 200
    assert counters_of(run)["failed"] == 1
    assert OptOut.objects.get().phone == f"+{number(2)}"


@pytest.mark.parametrize("depth", [40, 900, 100_000])
def test_a_deeply_nested_payload_is_ignored(run: WhatsAppBroadcast, depth: int) -> None:
    text = json.dumps(payload(run.account, statuses=[status("read", "wamid.0") | {"errors": "deep"}]))
    assert post(text.replace('"deep"', "[" * depth + "]" * depth).encode()) == 200
    assert counters_of(run) == {"processed": 2, "sent": 2}


def test_unknown_ids_change_nothing(run: WhatsAppBroadcast) -> None:
    post_statuses(
        run.account, status("read", "wamid.unknown"), status("read", "", "123:forged"), status("warm", "wamid.0")
    )
    post_statuses(run.account, {"id": None, "status": ["read"]}, {"status": "read"}, {})
    assert counters_of(run) == {"processed": 2, "sent": 2}


# Statuses


def test_statuses_are_counted_once(run: WhatsAppBroadcast) -> None:
    for _ in range(2):
        post_statuses(
            run.account, status("sent", "wamid.0"), status("delivered", "wamid.0"), status("delivered", "wamid.1")
        )
    assert counters_of(run) == {"processed": 2, "sent": 2, "delivered": 2}
    post_statuses(run.account, status("read", "wamid.1"), status("sent", "wamid.1"))
    assert counters_of(run) == {"processed": 2, "sent": 2, "delivered": 2, "read": 1}


def test_an_undeliverable_message_fails_its_recipient_with_metas_message(run: WhatsAppBroadcast) -> None:
    post_statuses(run.account, status("failed", "wamid.0"))
    assert counters_of(run) == {"processed": 2, "sent": 1, "failed": 1}
    failed = Recipient.objects.get(run=run, message_id="wamid.0")
    assert (failed.status, failed.error_code) == ("failed", "131026")
    assert failed.error_message == "Message undeliverable: Message Undeliverable."


@pytest.mark.parametrize("before", ["unknown", "in_flight", "pending"])
@pytest.mark.parametrize(("name", "after"), [("sent", "done"), ("read", "done"), ("failed", "failed")])
def test_the_tracker_settles_a_recipient_without_an_outcome(
    run: WhatsAppBroadcast, before: str, name: str, after: str
) -> None:
    recipient = Recipient.objects.filter(run=run).order_by("pk")[2]
    Recipient.objects.filter(pk=recipient.pk).update(status=before)
    if before == "unknown":
        WhatsAppBroadcast.objects.filter(pk=run.pk).update(processed=3)
    post_statuses(run.account, status(name, "wamid.late", recipient.tracker))
    assert statuses(run)[2] == after
    counted = counters_of(run)
    assert (counted["processed"], counted.get("unknown", 0)) == (3, 0)
    assert Recipient.objects.get(pk=recipient.pk).message_id == "wamid.late"


EVENTS = ("sent", "delivered", "read", "failed")


@hypothesis_settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    events_of_each=st.lists(st.sets(st.sampled_from(EVENTS)), min_size=3, max_size=3),
    start=st.lists(st.sampled_from(["done", "unknown", "in_flight", "pending"]), min_size=3, max_size=3),
    seed=st.integers(0, 2**32),
)
def test_replays_in_any_order_have_the_result_of_one_ordered_pass(
    business_a: Business, account_a: ProviderAccount, events_of_each: list[set[str]], start: list[str], seed: int
) -> None:
    ends = []
    for replayed in (False, True):
        run = broadcast(account_a, numbers(3))
        recipients = list(Recipient.objects.filter(run=run).order_by("pk"))
        for n, (recipient, before) in enumerate(zip(recipients, start, strict=True)):
            message_id = f"wamid.{run.pk}.{n}" if before == "done" else ""
            Recipient.objects.filter(pk=recipient.pk).update(status=before, message_id=message_id)
        settled = sum(before in ("done", "unknown") for before in start)
        WhatsAppBroadcast.objects.filter(pk=run.pk).update(processed=settled, succeeded=start.count("done"))
        events = [
            status(name, f"wamid.{run.pk}.{n}", recipient.tracker)
            for n, recipient in enumerate(recipients)
            for name in sorted(events_of_each[n], key=EVENTS.index)
        ]
        if replayed:
            events *= 3
            random.Random(seed).shuffle(events)
        for event in events:
            post_statuses(account_a, event)
        rows = Recipient.objects.filter(run=run).order_by("pk")
        ends.append((counters_of(run), list(rows.values_list("status", "delivery", "error_code"))))
    assert ends[0] == ends[1]


# Opting out


@pytest.mark.parametrize("words", ["STOP", " stop! ", "הסר", "הסר.", "Unsubscribe"])
def test_a_stop_message_opts_out(run: WhatsAppBroadcast, words: str) -> None:
    message = {"from": number(2), "id": "wamid.in", "type": "text", "text": {"body": words}}
    for _ in range(2):
        assert post(payload(run.account, messages=[message])) == 200
    assert OptOut.objects.get().phone == f"+{number(2)}"
    assert statuses(run) == ["done", "done", "skipped"]
    assert counters_of(run) == {"processed": 3, "sent": 2, "skipped": 1}
    again = broadcast(run.account, numbers(3))
    assert again.audience == {
        "total": 3, "valid": 2, "invalid": 0, "duplicate": 0, "opted_out": 1, "incomplete": 0, "too_long": 0,
    }  # fmt: skip


def test_a_button_opts_out_too(run: WhatsAppBroadcast) -> None:
    message = {"from": number(2), "type": "button", "button": {"text": "Stop", "payload": "x"}}
    assert post(payload(run.account, messages=[message])) == 200
    assert OptOut.objects.exists()


@pytest.mark.parametrize("words", ["Don't stop", "stop by tomorrow?", "", "הסרט היה טוב"])
def test_other_words_mean_something_else(run: WhatsAppBroadcast, words: str) -> None:
    message = {"from": number(2), "type": "text", "text": {"body": words}}
    assert post(payload(run.account, messages=[message, {"from": 7}, {}])) == 200
    assert not OptOut.objects.exists()
