"""A broadcast sends to every recipient once, and records each outcome."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from broadcasts.messages import Message
from broadcasts.models import OptOut, ProviderAccount, Recipient, WhatsAppBroadcast
from broadcasts.providers import Accepted
from broadcasts.providers.meta import MetaCloud
from broadcasts.sending import pending_recipients, send
from demo.fakes import graph as wire
from demo.fakes.graph import GraphServer
from runs.lifecycle import dispatch
from runs.models.audit import SYSTEM
from runs.progress import Effects, Progress
from runs.states import Status
from tests.actors import read_run, work_through
from tests.claims import claim_run
from tests.whatsapp import broadcast, number, numbers, phones_sent_to, statuses

pytestmark = pytest.mark.django_db(transaction=True)


def counts(run: WhatsAppBroadcast) -> dict[str, int]:
    names = ("total", "processed", "sent", "failed", "skipped", "unknown")
    return {name: getattr(run, name) for name in names}


def test_every_valid_recipient_is_sent_to_once(account_a: ProviderAccount, graph: GraphServer) -> None:
    run = broadcast(account_a, f"{numbers(5)}\n+{number(0)}\nnobody\n050-2000005")
    assert (run.total, run.processed, run.skipped) == (8, 2, 2)
    end = work_through(run, send)
    assert (end.status, end.progress_pct) == (Status.COMPLETED, 100)
    assert counts(end) == {"total": 8, "processed": 8, "sent": 6, "failed": 0, "skipped": 2, "unknown": 0}
    assert phones_sent_to(graph) == [number(n) for n in range(6)]
    assert Recipient.objects.get(run=run, phone=f"+{number(3)}").message_id == "wamid.4"


def test_a_refusal_fails_the_recipient_with_metas_message(account_a: ProviderAccount, graph: GraphServer) -> None:
    graph.answers[number(1)] = [wire.UNDELIVERABLE]
    end = work_through(broadcast(account_a, numbers(3)), send)
    assert counts(end) | {"total": 3} == {
        "total": 3, "processed": 3, "sent": 2, "failed": 1, "skipped": 0, "unknown": 0,
    }  # fmt: skip
    failed = Recipient.objects.get(status="failed")
    assert failed.error_code == "131026"
    assert failed.error_message == "(#131026) Message undeliverable: Message Undeliverable."


@pytest.mark.parametrize(
    "answer", [wire.RESET_AFTER, wire.RESET_BEFORE, wire.BAD_GATEWAY, wire.OUT_OF_ORDER, wire.Answer(body=b"?")]
)
def test_without_a_clear_answer_the_recipient_is_unknown_and_not_sent_to_again(
    account_a: ProviderAccount, graph: GraphServer, answer: wire.Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Progress, "wait", lambda *_: None)
    graph.answers[number(1)] = [answer]
    end = work_through(broadcast(account_a, numbers(3)), send)
    assert (end.status, end.unknown, end.sent) == (Status.COMPLETED, 1, 2)
    assert statuses(end) == ["done", "unknown", "done"]
    assert max(graph.numbers.values()) == 1


def test_a_recipient_whose_answer_is_too_slow_is_unknown(
    account_a: ProviderAccount, graph: GraphServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_by_meta = MetaCloud.send

    def wait_longer_from_then_on(self: MetaCloud, message: Message) -> Accepted:
        try:
            return send_by_meta(self, message)
        finally:
            self._session.timeout = 60

    monkeypatch.setattr(MetaCloud, "send", wait_longer_from_then_on)
    settings.WHATSAPP_ANSWER_SECONDS = 0.2
    graph.answers[number(0)] = [wire.Answer(seconds=60)]
    end = work_through(broadcast(account_a, numbers(2)), send)
    assert statuses(end) == ["unknown", "done"]


@pytest.mark.parametrize("answer", [wire.REVOKED, wire.LOCKED, wire.NO_NUMBER])
def test_a_revoked_token_or_blocked_number_stops_the_run_and_a_resume_goes_on(
    account_a: ProviderAccount, graph: GraphServer, answer: wire.Answer
) -> None:
    graph.answers[number(2)] = [answer]
    run = broadcast(account_a, numbers(5))
    end = work_through(run, send)
    assert (end.status, end.error_code, end.processed) == (Status.FAILED, "rejected", 2)
    assert "(#" in end.error_message
    assert statuses(end) == ["done", "done", "pending", "pending", "pending"]

    dispatch.reopen(end, SYSTEM, "retried")
    again = work_through(end, send)
    assert (again.status, again.sent, again.processed) == (Status.COMPLETED, 5, 5)
    assert phones_sent_to(graph) == [number(n) for n in (0, 1, 2, 2, 3, 4)], "the refused message was sent again"


def test_messages_in_flight_at_a_workers_death_are_unknown_and_not_sent_again(
    account_a: ProviderAccount, graph: GraphServer
) -> None:
    run = broadcast(account_a, numbers(4))
    lost = claim_run(run)
    assert lost is not None
    progress = Progress(lost)
    steps = Effects(progress)
    items = steps.each(pending_recipients(lost))
    steps.done(next(items), message_id="wamid.x")
    next(items)  # … and here the process dies
    assert statuses(run) == ["done", "in_flight", "pending", "pending"]
    WhatsAppBroadcast.objects.filter(pk=run.pk).reclaim()
    assert statuses(run) == ["done", "unknown", "pending", "pending"]
    end = work_through(run, send)
    assert phones_sent_to(graph) == [number(2), number(3)]
    assert (end.processed, end.sent, end.unknown, end.attempt) == (4, 3, 1, 2)


def test_a_cancel_stops_before_the_next_recipient(
    account_a: ProviderAccount, graph: GraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = broadcast(account_a, numbers(5))
    send_by_meta = MetaCloud.send

    def cancelling(self: MetaCloud, message: Message) -> Accepted:
        if message.to == f"+{number(1)}":
            read_run(run).cancel(SYSTEM)
        return send_by_meta(self, message)

    monkeypatch.setattr(MetaCloud, "send", cancelling)
    end = work_through(run, send)
    assert end.status == Status.CANCELLED
    assert statuses(end) == ["done", "done", "pending", "pending", "pending"]
    assert (end.sent, end.cancelled, end.unknown) == (2, 3, 0)
    assert len(graph.received) == 2


def test_a_recipient_who_opts_out_in_the_queue_is_skipped(account_a: ProviderAccount, graph: GraphServer) -> None:
    run = broadcast(account_a, numbers(3))
    OptOut.objects.create(business=run.business, phone=f"+{number(1)}")
    end = work_through(run, send)
    assert statuses(end) == ["done", "skipped", "done"]
    assert (end.status, end.processed, end.skipped) == (Status.COMPLETED, 3, 1)
    assert phones_sent_to(graph) == [number(0), number(2)]


def test_a_throughput_limit_holds_off_the_account(account_a: ProviderAccount, graph: GraphServer) -> None:
    graph.answers[number(0)] = [wire.THROUGHPUT]
    end = work_through(broadcast(account_a, numbers(2)), send)
    assert statuses(end) == ["done", "done"]
    assert phones_sent_to(graph) == [number(0), number(0), number(1)]
    assert graph.received[1].at - graph.received[0].at >= 1.9


def test_a_message_that_cant_be_rendered_fails_its_recipient_only(
    account_a: ProviderAccount, graph: GraphServer, caplog: pytest.LogCaptureFixture
) -> None:
    run = broadcast(account_a, numbers(3))
    Recipient.objects.filter(phone=f"+{number(1)}").update(variables=["not", "names"])
    WhatsAppBroadcast.objects.filter(pk=run.pk).update(text="Hello {{name}}")
    end = work_through(run, send)
    assert (end.status, statuses(end)) == (Status.COMPLETED, ["done", "failed", "done"])
    failed = Recipient.objects.get(status="failed")
    assert (failed.error_code, failed.error_message[:19]) == ("unexpected", "The program failed:")
    assert "AttributeError" in caplog.text
    assert phones_sent_to(graph) == [number(0), number(2)]
