"""A template's fault is everybody's: nobody else is tried, and a paused one waits until Meta lifts it."""

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
from tests.actors import seen, work_through
from tests.whatsapp import account_of, hook, number, numbers, statuses, template_broadcast, told_to

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account_a(account_a: ProviderAccount) -> ProviderAccount:
    account_a.waba_id = webhooks.WABA
    account_a.save(update_fields=["waba_id"])
    return account_a


def lift(account: ProviderAccount, event: str = "APPROVED", name: str = "sale", language: str = "he") -> None:
    told = webhooks.template_status(event, name, language)
    hook(webhooks.of_account(account, "message_template_status_update", told))


def test_metas_other_way_to_write_a_language_lifts_too(
    account_a: ProviderAccount, graph: GraphServer, messages: list[Any]
) -> None:
    """The page's own example says en-US; pywa knows en_US alone."""
    graph.otherwise = wire.TEMPLATE_PAUSED
    draft = Draft(account_a, "Sale", "Hello", read_pasted(numbers(2)), "sale", "en_US")
    work_through(start_broadcast(draft, None), send)
    messages.clear()
    lift(account_a, language="en-US")
    assert len(messages) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (wire.PARAMETER_COUNT, "more or fewer variables"),
        (wire.NO_TEMPLATE, "no approved template of this name"),
        (wire.POLICY_VIOLATED, "breaks a rule of WhatsApp"),
        (wire.PARAMETER_FORMAT, "Compare the message with the template"),
        (wire.TEMPLATE_DISABLED, "disabled the template for good"),
        (wire.FLOW_BLOCKED, "flow is blocked"),
    ],
)
def test_the_run_stops_after_the_first_and_says_what_to_fix(
    account_a: ProviderAccount, graph: GraphServer, answer: wire.Answer, words: str
) -> None:
    graph.otherwise = answer
    run = work_through(template_broadcast(account_a, 5), send)
    assert (run.status, run.error_code, run.processed, len(graph.told)) == (Status.FAILED, "rejected", 0, 1)
    assert words in run.error_message
    assert "(#132" in run.error_message
    assert run.error_message.count("132") == 1, "its number is said once"
    with override("he"):
        assert words not in verdict_of(run).message, "and what to fix in the reader's language"
    assert statuses(run) == ["pending"] * 5, "nothing has left, and a retry reaches everybody"
    graph.otherwise = wire.SENT
    dispatch.reopen(run, SYSTEM, "retried")
    assert work_through(run, send).sent == 5


def test_a_text_too_long_for_one_is_that_ones_own(account_a: ProviderAccount, graph: GraphServer) -> None:
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


def test_it_goes_on_when_meta_lifts_the_pause(
    account_a: ProviderAccount, graph: GraphServer, messages: list[Any]
) -> None:
    graph.answers[number(2)] = [wire.TEMPLATE_PAUSED, wire.SENT]
    run = work_through(template_broadcast(account_a, 4), send)
    messages.clear()
    lift(account_a, "PAUSED")
    lift(account_a, name="another")
    lift(account_a, language="en")
    assert messages == []
    lift(account_a)
    lift(account_a)
    assert messages == [("runs.broadcast", [run.pk])]
    end = work_through(run, send)
    assert (end.status, end.sent, end.unknown) == (Status.COMPLETED, 4, 0)
    assert told_to(graph) == [number(n) for n in (0, 1, 2, 2, 3)]


def test_another_accounts_template_wakes_nobody(
    account_a: ProviderAccount, business_b: Business, graph: GraphServer, messages: list[Any]
) -> None:
    graph.otherwise = wire.TEMPLATE_PAUSED
    work_through(template_broadcast(account_a, 2), send)
    messages.clear()
    stranger = account_of(business_b, app_secret="another-secret", waba_id="999")
    told = webhooks.template_status("APPROVED", "sale", "he")
    hook(webhooks.of_account(stranger, "message_template_status_update", told), "another-secret")
    forged = webhooks.of_account(account_a, "message_template_status_update", told)
    own = webhooks.of_account(stranger, "message_template_status_update", told)
    hook({**own, "entry": own["entry"] + forged["entry"]}, "another-secret")
    assert messages == []


def test_an_account_is_known_by_the_messages_before(account_a: ProviderAccount) -> None:
    ProviderAccount.objects.update(waba_id="")
    hook(webhooks.of_number(account_a, statuses=[webhooks.status("sent", "wamid.x")]))
    assert ProviderAccount.objects.get(pk=account_a.pk).waba_id == webhooks.WABA


def test_it_tries_again_by_itself_and_gives_up_after_the_longest_wait(
    account_a: ProviderAccount, graph: GraphServer, settings: Settings
) -> None:
    settings.WHATSAPP_TEMPLATE_RETRY_SECONDS = 0
    graph.otherwise = wire.TEMPLATE_PAUSED
    run = work_through(template_broadcast(account_a, 3), send)
    since = run.paused_since
    assert since is not None
    run = work_through(run, send)
    assert (run.status, run.attempt, run.paused_since, len(graph.told)) == (Status.QUEUED, 2, since, 2)
    rows = WhatsAppBroadcast.objects.filter(pk=run.pk)
    rows.update(paused_since=Now() - timedelta(hours=settings.WHATSAPP_TEMPLATE_WAIT_HOURS, seconds=1))
    end = work_through(run, send)
    assert (end.status, end.error_code, statuses(end)) == (Status.FAILED, "rejected", ["pending"] * 3)
    assert "could not be sent for 48 hours" in end.error_message
    assert "132015" in end.error_message
    assert "unpause the template in WhatsApp Manager" in end.error_message
    dispatch.reopen(end, SYSTEM, "retried")
    assert work_through(end, send).status == Status.QUEUED


def test_a_second_pause_is_a_wait_of_its_own(account_a: ProviderAccount, graph: GraphServer) -> None:
    graph.answers[number(1)] = [wire.TEMPLATE_PAUSED]
    run = template_broadcast(account_a, 2)
    WhatsAppBroadcast.objects.filter(pk=run.pk).update(paused_since=Now() - timedelta(days=9))
    end = work_through(run, send)
    assert (end.status, end.sent) == (Status.QUEUED, 1)


def test_a_flow_that_was_sent_too_often_waits_too(account_a: ProviderAccount, graph: GraphServer) -> None:
    graph.otherwise = wire.FLOW_THROTTLED
    run = work_through(template_broadcast(account_a, 2), send)
    assert verdict_of(run).message.startswith("The template's flow was sent too often, until ")


def test_a_cancelled_wait_leaves_everybody_out(account_a: ProviderAccount, graph: GraphServer) -> None:
    graph.otherwise = wire.TEMPLATE_PAUSED
    run = work_through(template_broadcast(account_a, 2), send)
    run.cancel(SYSTEM)
    lift(account_a)
    assert (seen(run).status, seen(run).cancelled) == (Status.CANCELLED, 2)
