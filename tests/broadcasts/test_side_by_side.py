"""Several messages in flight, where one at a time can't keep the account's rate. Each is still sent once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import pytest
from pytest_django import Settings

from broadcasts.messages import Message
from broadcasts.models import ProviderAccount, Recipient, WhatsAppBroadcast
from broadcasts.providers import Accepted, ProviderError, outbox
from broadcasts.providers.meta import MetaCloud
from broadcasts.sending import choose, send, settle
from broadcasts.sending.rate_limit import RateLimiter
from broadcasts.sending.send_messages import MessageSender
from broadcasts.sending.settle import OutcomeRecorder
from broadcasts.sending.threads import Send
from broadcasts.sending.trouble import OUTAGE_AFTER
from broadcasts.sending.window import FIRST_SIZE, ConcurrencyWindow
from broadcasts.stored_messages import CONNECTION_BROKE, NO_ANSWER
from demo.fakes import graph as wire
from demo.fakes.graph import GraphServer
from runs.exceptions import RunLost
from runs.lifecycle import dispatch
from runs.models.audit import SYSTEM
from runs.progress import Progress, backoff
from runs.states import Status
from tests.actors import read_run, work_through
from tests.whatsapp import broadcast, create_account, number, numbers, statuses

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 4
ANSWER = 0.05  # seconds


@pytest.fixture(autouse=True)
def far_away(graph: GraphServer, settings: Settings) -> None:
    settings.WHATSAPP_AT_ONCE = AT_ONCE
    graph.otherwise = wire.Answer(seconds=ANSWER)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch, graph: GraphServer) -> list[tuple[float, int]]:
    """The seconds of each pause, and how many messages the server had received by then."""
    pauses_taken: list[tuple[float, int]] = []

    def pause(self: object, seconds: float, reason: object = "") -> None:
        pauses_taken.append((seconds, len(graph.received)))

    monkeypatch.setattr(Progress, "wait", pause)
    monkeypatch.setattr(RateLimiter, "hold_off", lambda self, seconds: None)
    return pauses_taken


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many messages were in flight whenever another one left."""
    lock, in_flight, seen_at_once = threading.Lock(), [0], []
    send_by_meta = MetaCloud.send

    def count_in_flight(self: MetaCloud, message: Message) -> Accepted:
        with lock:
            in_flight[0] += 1
            seen_at_once.append(in_flight[0])
        try:
            return send_by_meta(self, message)
        finally:
            with lock:
                in_flight[0] -= 1

    monkeypatch.setattr(MetaCloud, "send", count_in_flight)
    return seen_at_once


def everybody_once(graph: GraphServer, count: int) -> bool:
    return graph.numbers == Counter(number(n) for n in range(count))


def test_no_more_are_in_flight_than_the_setting_allows(
    account_a: ProviderAccount, graph: GraphServer, at_once: list[int]
) -> None:
    end = work_through(broadcast(account_a, numbers(30)), send)
    assert (end.status, end.sent, end.unknown) == (Status.COMPLETED, 30, 0)
    assert everybody_once(graph, 30)
    assert max(at_once) == AT_ONCE


def test_one_at_a_time_where_that_keeps_the_rate(
    account_a: ProviderAccount, graph: GraphServer, at_once: list[int]
) -> None:
    account_a.rate = 3  # in the time of an answer: less than one, also on a busy machine
    account_a.save(update_fields=["rate"])
    end = work_through(broadcast(account_a, numbers(5)), send)
    assert (end.sent, max(at_once)) == (5, 1)


def test_the_window_grows_by_one_an_answer_to_twice_what_the_rate_needs() -> None:
    window = ConcurrencyWindow(rate=80, limit=100)
    sizes = [window.size]
    for _ in range(60):
        window.grow(0.25)
        sizes.append(window.size)
    assert sizes[:3] == [FIRST_SIZE, FIRST_SIZE + 1, FIRST_SIZE + 2]
    assert sizes[-1] == 2 * 80 * 0.25
    assert ConcurrencyWindow(rate=80, limit=4).size == 4
    assert ConcurrencyWindow(rate=5, limit=32).size == 1


def test_failures_of_one_round_trip_halve_the_window_once() -> None:
    window = ConcurrencyWindow(rate=80, limit=32, size=32)
    left_at = time.monotonic()
    for _ in range(10):  # all in flight at the same time
        window.halve(left_at)
    assert window.size == 16
    for _ in range(10):
        window.halve(time.monotonic())
    assert window.size == 1


def test_a_hold_off_begins_when_nothing_is_in_flight(
    account_a: ProviderAccount, graph: GraphServer, pauses: list[tuple[float, int]]
) -> None:
    limited = [number(n) for n in range(10, 13)]
    for each in limited:
        graph.answers[each] = [wire.THROUGHPUT]
    end = work_through(broadcast(account_a, numbers(20)), send)
    assert (end.status, end.sent, end.failed, end.unknown) == (Status.COMPLETED, 20, 0, 0)
    assert graph.numbers == Counter({number(n): 1 for n in range(20)}) + Counter(limited)
    assert len(pauses) < len(limited), "one pause for all limits at the same time"


def test_a_limit_of_one_recipient_delays_no_other(
    account_a: ProviderAccount, graph: GraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent_before_waits: list[int] = []
    waited: list[float] = []

    def note_wait(self: Progress, seconds: float, reason: object) -> None:
        sent_before_waits.append(len(graph.received))
        waited.append(seconds)

    monkeypatch.setattr(choose, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + sum(waited)))
    monkeypatch.setattr(Progress, "wait", note_wait)
    monkeypatch.setattr(settle, "MAX_TRIES", 2)
    limit = replace(wire.PAIR_RATE, headers={"Retry-After": "250"})
    graph.answers[number(1)] = [replace(limit, status=429)]
    graph.answers[number(2)] = [replace(limit, status=429)] * 2
    end = work_through(broadcast(account_a, numbers(20)), send)
    assert (end.status, end.sent, end.failed) == (Status.COMPLETED, 19, 1)
    assert graph.numbers == Counter({number(n): 2 if n in {1, 2} else 1 for n in range(20)})
    assert {message.to for message in graph.received[-2:]} == {number(1), number(2)}
    assert set(sent_before_waits) <= {20, 21}, "only when everybody else had been sent to"


def test_a_message_without_an_answer_delays_no_other(
    account_a: ProviderAccount, graph: GraphServer, pauses: list[tuple[float, int]]
) -> None:
    lost = [3, 10, 11, 12, 20, 27]
    for n in lost:
        graph.answers[number(n)] = [wire.RESET_AFTER]
    end = work_through(broadcast(account_a, numbers(30)), send)
    assert (end.status, end.sent, end.unknown) == (Status.COMPLETED, 24, 6)
    assert [n for n, status in enumerate(statuses(end)) if status == "unknown"] == lost
    assert everybody_once(graph, 30)
    assert pauses == []


def test_a_provider_that_is_away_is_checked_without_messages(
    account_a: ProviderAccount, graph: GraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[tuple[float, str, int]] = []
    monkeypatch.setattr(backoff, "time", SimpleNamespace(monotonic=lambda: 0.0))  # the tries take no time

    def wait(self: Progress, seconds: float, reason: object) -> None:
        waits.append((seconds, str(reason), len(graph.received)))
        if len(waits) == 4:
            graph.otherwise = wire.SENT

    monkeypatch.setattr(Progress, "wait", wait)
    for n in range(10):
        graph.answers[number(n)] = [wire.Answer(seconds=ANSWER)]
    graph.otherwise = wire.RESET_AFTER
    end = work_through(broadcast(account_a, numbers(100)), send)
    assert (end.status, end.sent + end.unknown) == (Status.COMPLETED, 100)
    assert end.unknown <= AT_ONCE + OUTAGE_AFTER - 1
    assert everybody_once(graph, 100)
    assert [seconds for seconds, _reason, _received in waits] == [1, 2, 4, 8]
    assert {(reason, received) for _seconds, reason, received in waits} == {
        ("WhatsApp can't be reached", 10 + end.unknown)
    }


@pytest.mark.parametrize("is_listening", [True, False])
def test_a_provider_that_stays_away_fails_the_run_as_unreachable_and_a_retry_goes_on(
    account_a: ProviderAccount,
    graph: GraphServer,
    pauses: list[tuple[float, int]],
    settings: Settings,
    *,
    is_listening: bool,
) -> None:
    settings.WHATSAPP_UNREACHABLE_SECONDS = 0.2
    graph.otherwise = wire.BAD_GATEWAY
    if not is_listening:
        settings.WHATSAPP_API_URL = "http://127.0.0.1:9"
    end = work_through(broadcast(account_a, numbers(30)), send)
    assert (end.status, end.error_code, end.failed) == (Status.FAILED, "unreachable", 0)
    said = NO_ANSWER.find_values(end.error_message)
    assert said is not None
    assert said["minutes"] == 1
    assert is_listening or CONNECTION_BROKE.find_values(str(said["error"]))
    assert end.unknown == len(graph.received) <= AT_ONCE + OUTAGE_AFTER - 1, (
        "recipients whose message certainly didn't leave are pending"
    )
    assert statuses(end).count("pending") == 30 - end.unknown
    graph.otherwise, settings.WHATSAPP_API_URL = wire.SENT, graph.url
    dispatch.reopen(end, SYSTEM, "retried")
    again = work_through(end, send)
    assert (again.status, again.sent, again.failed) == (Status.COMPLETED, 30 - end.unknown, 0)
    assert everybody_once(graph, 30)


def test_credentials_that_were_revoked_during_an_outage_reject_the_run(
    account_a: ProviderAccount, graph: GraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Progress, "wait", lambda *_: setattr(graph, "otherwise", wire.REVOKED))
    graph.otherwise = wire.RESET_BEFORE
    end = work_through(broadcast(account_a, numbers(30)), send)
    assert (end.status, end.error_code) == (Status.FAILED, "rejected")


def test_an_attempt_begins_with_the_last_ones_window(
    account_a: ProviderAccount, graph: GraphServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WHATSAPP_AT_ONCE = 32
    run = broadcast(account_a, numbers(200))

    send_to = MessageSender.send_to

    def die(self: MessageSender, recipients: Sequence[Recipient]) -> None:
        if len(graph.received) > 40:
            raise RunLost  # writes nothing more, as if the process had died
        send_to(self, recipients)

    monkeypatch.setattr(MessageSender, "send_to", die)
    lost = work_through(run, send)
    assert lost.status == Status.RUNNING
    assert lost.cursor["window"] > 2 * FIRST_SIZE

    WhatsAppBroadcast.objects.filter(pk=run.pk).reclaim()
    sizes: list[int] = []

    def note_size(self: MessageSender, recipients: Sequence[Recipient]) -> None:
        sizes.append(self.window.size)
        send_to(self, recipients)

    monkeypatch.setattr(MessageSender, "send_to", note_size)
    assert work_through(run, send).status == Status.COMPLETED
    assert sizes[0] == lost.cursor["window"]


def test_an_exception_while_sending_leaves_that_recipient_unknown(
    account_a: ProviderAccount, graph: GraphServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    send_by_meta = MetaCloud.send

    def fail_once(self: MetaCloud, message: Message) -> Accepted:
        if message.to == f"+{number(7)}":
            raise ZeroDivisionError("by zero")
        return send_by_meta(self, message)

    monkeypatch.setattr(MetaCloud, "send", fail_once)
    end = work_through(broadcast(account_a, numbers(20)), send)
    assert (end.status, end.sent, end.unknown) == (Status.COMPLETED, 19, 1)
    lost = Recipient.objects.get(run=end, status="unknown")
    assert (lost.phone, lost.error_code) == (f"+{number(7)}", "unexpected")
    assert lost.error_message == "The program failed: by zero"
    assert "ZeroDivisionError" in caplog.text


def test_a_revoked_token_leaves_all_others_pending(account_a: ProviderAccount, graph: GraphServer) -> None:
    for n in range(10, 20):
        graph.answers[number(n)] = [wire.REVOKED]
    run = broadcast(account_a, numbers(20))
    end = work_through(run, send)
    assert (end.status, end.error_code, end.sent) == (Status.FAILED, "rejected", 10)
    assert statuses(end) == ["done"] * 10 + ["pending"] * 10
    graph.answers.clear()
    dispatch.reopen(end, SYSTEM, "retried")
    again = work_through(end, send)
    assert (again.status, again.sent) == (Status.COMPLETED, 20)


def test_a_cancel_waits_for_messages_in_flight_only(
    account_a: ProviderAccount, graph: GraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = broadcast(account_a, numbers(40))
    record_outcome, recorded = OutcomeRecorder.record_outcome, []

    def cancel_after_ten(self: OutcomeRecorder, send: Send) -> ProviderError | None:
        error = record_outcome(self, send)
        recorded.append(send)
        if len(recorded) == 10:
            read_run(run).cancel(SYSTEM)
        return error

    monkeypatch.setattr(OutcomeRecorder, "record_outcome", cancel_after_ten)
    end = work_through(run, send)
    assert (end.status, end.unknown, end.sent) == (Status.CANCELLED, 0, len(graph.received))
    assert 10 <= end.sent <= 10 + AT_ONCE
    assert end.cancelled == 40 - end.sent


def test_the_outbox_is_called_by_the_main_thread(account_a: ProviderAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    account = create_account(account_a.business, kind="outbox", delay=0.01, phone_number_id="")
    threads = set()
    sent = outbox.Outbox.send

    def note_thread(self: outbox.Outbox, message: Message) -> Accepted:
        threads.add(threading.current_thread())
        return sent(self, message)

    monkeypatch.setattr(outbox.Outbox, "send", note_thread)
    end: WhatsAppBroadcast = work_through(broadcast(account, numbers(20)), send)
    assert (end.status, end.sent) == (Status.COMPLETED, 20)
    assert threads == {threading.main_thread()}
