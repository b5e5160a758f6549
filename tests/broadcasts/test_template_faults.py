"""Rejected and paused templates: no other recipient is sent to, and a paused template's broadcast waits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils.translation import override
from pytest_django import Settings

from broadcasts.audience import read_pasted
from broadcasts.models import ProviderAccount, WhatsAppBroadcast
from broadcasts.sending import send
from broadcasts.starting import Draft, start_broadcast
from demo.fakes import graph as wire
from demo.fakes import webhooks
from demo.fakes.graph import GraphServer
from runs.lifecycle import dispatch
from runs.models import Business
from runs.models.audit import SYSTEM
from runs.readers.verdict import verdict_of
from runs.states import Status
from tests.actors import read_run, work_through
from tests.whatsapp import create_account, number, numbers, phones_sent_to, post_webhook, statuses, template_broadcast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account_a(account_a: ProviderAccount) -> ProviderAccount:
    account_a.waba_id = webhooks.WABA
    account_a.save(update_fields=["waba_id"])
    return account_a


def post_template_status(
    account: ProviderAccount, event: str = "APPROVED", name: str = "sale", language: str = "he"
) -> None:
    value = webhooks.template_status(event, name, language)
    post_webhook(webhooks.of_account(account, "message_template_status_update", value))


def test_a_language_with_a_hyphen_ends_the_wait_too(
    account_a: ProviderAccount, graph: GraphServer, messages: list[Any]
) -> None:
    """Meta's example has en-US; pywa knows en_US only."""
    graph.otherwise = wire.TEMPLATE_PAUSED
    draft = Draft(account_a, "Sale", "Hello", read_pasted(numbers(2)), "sale", "en_US")
    work_through(start_broadcast(draft, None), send)
    messages.clear()
    post_template_status(account_a, language="en-US")
    assert len(messages) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (wire.PARAMETER_COUNT, "different numbers of variables"),
        (wire.NO_TEMPLATE, "no approved template with this name"),
        (wire.POLICY_VIOLATED, "breaks WhatsApp's rules"),
        (wire.PARAMETER_FORMAT, "Compare the message with the template"),
        (wire.TEMPLATE_DISABLED, "disabled the template permanently"),
        (wire.FLOW_BLOCKED, "flow is blocked"),
    ],
)
def test_a_rejected_template_fails_the_run_with_advice(
    account_a: ProviderAccount, graph: GraphServer, answer: wire.Answer, words: str
) -> None:
    graph.otherwise = answer
    run = work_through(template_broadcast(account_a, 5), send)
    assert (run.status, run.error_code, run.processed, len(graph.received)) == (Status.FAILED, "rejected", 0, 1)
    assert words in run.error_message
    assert "(#132" in run.error_message
    assert run.error_message.count("132") == 1, "the code appears once"
    with override("he"):
        assert words not in verdict_of(run).message, "and what to fix in the reader's language"
    assert statuses(run) == ["pending"] * 5, "no message has left, and a retry reaches everybody"
    graph.otherwise = wire.SENT
    dispatch.reopen(run, SYSTEM, "retried")
    assert work_through(run, send).sent == 5


def test_a_text_too_long_fails_its_recipient_only(account_a: ProviderAccount, graph: GraphServer) -> None:
    graph.answers[number(1)] = [wire.TEXT_TOO_LONG]
    run = work_through(template_broadcast(account_a, 3), send)
    assert (run.status, statuses(run)) == (Status.COMPLETED, ["done", "failed", "done"])


def test_a_paused_template_waits_in_the_queue(account_a: ProviderAccount, graph: GraphServer) -> None:
    graph.answers[number(2)] = [wire.TEMPLATE_PAUSED]
    run = work_through(template_broadcast(account_a, 5), send)
    verdict = verdict_of(run)
    assert (run.status, verdict.code, run.sent, run.processed) == (Status.QUEUED, "waiting", 2, 2)
    assert verdict.message.startswith("WhatsApp has paused the template, until ")
    assert statuses(run) == ["done", "done", "pending", "pending", "pending"]


def test_a_webhook_that_lifts_the_pause_ends_the_wait(
    account_a: ProviderAccount, graph: GraphServer, messages: list[Any]
) -> None:
    graph.answers[number(2)] = [wire.TEMPLATE_PAUSED, wire.SENT]
    run = work_through(template_broadcast(account_a, 4), send)
    messages.clear()
    post_template_status(account_a, "PAUSED")
    post_template_status(account_a, name="another")
    post_template_status(account_a, language="en")
    assert messages == []
    post_template_status(account_a)
    post_template_status(account_a)
    assert messages == [("runs.work_on_queue", ["broadcasts"])]
    end = work_through(run, send)
    assert (end.status, end.sent, end.unknown) == (Status.COMPLETED, 4, 0)
    assert phones_sent_to(graph) == [number(n) for n in (0, 1, 2, 2, 3)]


def test_another_accounts_template_ends_no_wait(
    account_a: ProviderAccount, business_b: Business, graph: GraphServer, messages: list[Any]
) -> None:
    graph.otherwise = wire.TEMPLATE_PAUSED
    work_through(template_broadcast(account_a, 2), send)
    messages.clear()
    stranger = create_account(business_b, app_secret="another-secret", waba_id="999")
    value = webhooks.template_status("APPROVED", "sale", "he")
    post_webhook(webhooks.of_account(stranger, "message_template_status_update", value), "another-secret")
    forged = webhooks.of_account(account_a, "message_template_status_update", value)
    own = webhooks.of_account(stranger, "message_template_status_update", value)
    post_webhook({**own, "entry": own["entry"] + forged["entry"]}, "another-secret")
    assert messages == []


def test_a_message_webhook_fills_in_the_accounts_waba_id(account_a: ProviderAccount) -> None:
    ProviderAccount.objects.update(waba_id="")
    post_webhook(webhooks.of_number(account_a, statuses=[webhooks.status("sent", "wamid.x")]))
    assert ProviderAccount.objects.get(pk=account_a.pk).waba_id == webhooks.WABA


def test_a_waiting_run_retries_by_itself_until_the_longest_wait(
    account_a: ProviderAccount, graph: GraphServer, settings: Settings
) -> None:
    settings.WHATSAPP_TEMPLATE_RETRY_SECONDS = 0
    graph.otherwise = wire.TEMPLATE_PAUSED
    run = work_through(template_broadcast(account_a, 3), send)
    since = run.paused_since
    assert since is not None
    run = work_through(run, send)
    assert (run.status, run.attempt, run.paused_since, len(graph.received)) == (Status.QUEUED, 2, since, 2)
    rows = WhatsAppBroadcast.objects.filter(pk=run.pk)
    rows.update(paused_since=Now() - timedelta(hours=settings.WHATSAPP_TEMPLATE_WAIT_HOURS, seconds=1))
    end = work_through(run, send)
    assert (end.status, end.error_code, statuses(end)) == (Status.FAILED, "rejected", ["pending"] * 3)
    assert "could not be sent for 48 hours" in end.error_message
    assert "132015" in end.error_message
    assert "unpause the template in WhatsApp Manager" in end.error_message
    dispatch.reopen(end, SYSTEM, "retried")
    assert work_through(end, send).status == Status.QUEUED


def test_a_second_pause_begins_a_new_wait(account_a: ProviderAccount, graph: GraphServer) -> None:
    graph.answers[number(1)] = [wire.TEMPLATE_PAUSED]
    run = template_broadcast(account_a, 2)
    WhatsAppBroadcast.objects.filter(pk=run.pk).update(paused_since=Now() - timedelta(days=9))
    end = work_through(run, send)
    assert (end.status, end.sent) == (Status.QUEUED, 1)


def test_an_accepted_message_ends_the_wait(account_a: ProviderAccount, graph: GraphServer) -> None:
    run = template_broadcast(account_a, 1)
    WhatsAppBroadcast.objects.filter(pk=run.pk).update(paused_since=Now() - timedelta(days=9))
    end = work_through(run, send)
    assert (end.status, end.paused_since) == (Status.COMPLETED, None)


def test_a_person_who_resumes_begins_a_new_wait(account_a: ProviderAccount, graph: GraphServer) -> None:
    graph.otherwise = wire.TEMPLATE_PAUSED
    run = work_through(template_broadcast(account_a, 2), send)
    run.cancel(SYSTEM)
    WhatsAppBroadcast.objects.filter(pk=run.pk).update(paused_since=Now() - timedelta(days=9))
    dispatch.reopen(read_run(run), SYSTEM, "resumed")
    assert work_through(run, send).status == Status.QUEUED


def test_a_flow_that_was_sent_too_often_waits_too(account_a: ProviderAccount, graph: GraphServer) -> None:
    graph.otherwise = wire.FLOW_THROTTLED
    run = work_through(template_broadcast(account_a, 2), send)
    assert verdict_of(run).message.startswith("The template's flow was sent too often, until ")


def test_a_waiting_run_can_be_cancelled(account_a: ProviderAccount, graph: GraphServer) -> None:
    graph.otherwise = wire.TEMPLATE_PAUSED
    run = work_through(template_broadcast(account_a, 2), send)
    run.cancel(SYSTEM)
    post_template_status(account_a)
    assert (read_run(run).status, read_run(run).cancelled) == (Status.CANCELLED, 2)
