"""WhatsApp for tests: accounts, audiences, and the fake server that receives messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from broadcasts.audience import read_pasted
from broadcasts.models import ProviderAccount, Recipient, WhatsAppBroadcast
from broadcasts.starting import Draft, start_broadcast
from demo.fakes import webhooks
from demo.fakes.graph import GraphServer, serve_graph
from runs.models import Business

APP_SECRET, VERIFY_TOKEN = "app-secret", "verify-me"
FAST = 1_000_000  # messages a second


@pytest.fixture
def graph(settings: Settings) -> Iterator[GraphServer]:
    with serve_graph() as server:
        settings.WHATSAPP_API_URL = server.url
        settings.WHATSAPP_AT_ONCE = 1  # one after the other, in the order of the audience
        yield server


@pytest.fixture
def account_a(business_a: Business) -> ProviderAccount:
    return create_account(business_a)


@pytest.fixture
def account_b(business_b: Business) -> ProviderAccount:
    return create_account(business_b, app_secret="another-secret")


def create_account(business: Business, **columns: object) -> ProviderAccount:
    fields = {
        "name": f"WhatsApp of {business.slug}",
        "phone_number_id": f"10{business.pk:09d}",
        "token": "token",
        "app_secret": APP_SECRET,
        "verify_token": VERIFY_TOKEN,
        "rate": FAST,
    }
    return ProviderAccount.objects.create(business=business, **{**fields, **columns})


def number(n: int) -> str:
    """The n-th number of the audience, as the server sees it."""
    return f"97250{2_000_000 + n}"


def numbers(count: int) -> str:
    return "\n".join(f"+{number(n)}" for n in range(count))


def broadcast(account: ProviderAccount, audience: str, text: str = "Hello") -> WhatsAppBroadcast:
    """A broadcast in the queue."""
    run = start_broadcast(Draft(account, "Hello", text, read_pasted(audience)), None)
    run.refresh_from_db()
    return run


def template_broadcast(account: ProviderAccount, count: int) -> WhatsAppBroadcast:
    """A broadcast in the queue, of an approved template."""
    run = start_broadcast(Draft(account, "Sale", "Hello", read_pasted(numbers(count)), "sale", "he"), None)
    run.refresh_from_db()
    return run


def post_webhook(payload: Any, secret: str = APP_SECRET) -> None:
    """Post it as Meta does, signed."""
    body, headers = webhooks.sign(payload, secret)
    answer = APIClient().post("/api/whatsapp/webhook/", body, content_type="application/json", headers=headers)
    assert answer.status_code == 200, answer.content


def statuses(run: WhatsAppBroadcast) -> list[str]:
    return list(Recipient.objects.filter(run=run).order_by("pk").values_list("status", flat=True))


def phones_sent_to(server: GraphServer) -> list[str]:
    """In the order of the messages."""
    return [sent.to for sent in server.received]
