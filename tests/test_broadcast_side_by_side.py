"""Where one message after the other can't keep the account's rate, a few are under way at once. Each still once."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import Future

import pytest
from pytest_django import Settings

from broadcasts import outbox, sending
from broadcasts.demo import graph as wire
from broadcasts.demo.graph import GraphServer
from broadcasts.messages import Message
from broadcasts.models import ProviderAccount, WhatsAppBroadcast
from broadcasts.pace import Pacer
from broadcasts.providers import Accepted, Provider
from broadcasts.sending import Answer, Window, send
from runs import dispatch
from runs.progress import Progress
from runs.states import Status
from runs.timeline import SYSTEM

from .actors import seen, work_through
from .whatsapp import account_of, broadcast, number, numbers, statuses

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 4
ANSWER = 0.05  # seconds


@pytest.fixture(autouse=True)
def far_away(graph: GraphServer, settings: Settings) -> None:
    settings.WHATSAPP_AT_ONCE = AT_ONCE
    graph.otherwise = wire.Answer(seconds=ANSWER)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch, graph: GraphServer) -> list[tuple[float, int]]:
    """How long each pause was meant to be, and how many messages the server had been told by then."""
    taken: list[tuple[float, int]] = []

    def pause(self: object, seconds: float, reason: object = "") -> None:
        taken.append((seconds, len(graph.told)))

    monkeypatch.setattr(Progress, "wait", pause)
    monkeypatch.setattr(Pacer, "hold", pause)
    return taken


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many messages were under way whenever one more set out."""
    lock, under_way, seen_at_once = threading.Lock(), [0], []
    timed = sending.timed

    def counted(provider: Provider, message: Message) -> Answer:
        with lock:
            under_way[0] += 1
            seen_at_once.append(under_way[0])
        try:
            return timed(provider, message)
        finally:
            with lock:
                under_way[0] -= 1

    monkeypatch.setattr(sending, "timed", counted)
    return seen_at_once


def everybody_once(graph: GraphServer, count: int) -> bool:
    return graph.numbers == Counter(number(n) for n in range(count))


def test_as_many_are_under_way_as_the_setting_allows_and_no_more(
    account_a: ProviderAccount, graph: GraphServer, at_once: list[int]
) -> None:
    end = work_through(broadcast(account_a, numbers(30)), send)
    assert (end.status, end.sent, end.unknown) == (Status.COMPLETED, 30, 0)
    assert everybody_once(graph, 30)
    assert max(at_once) == AT_ONCE


def test_one_after_the_other_where_that_keeps_the_rate(
    account_a: ProviderAccount, graph: GraphServer, at_once: list[int]
) -> None:
    account_a.rate = 15  # in the time of an answer: less than one
    account_a.save(update_fields=["rate"])
    end = work_through(broadcast(account_a, numbers(5)), send)
    assert (end.sent, max(at_once)) == (5, 1)


def test_the_window_opens_to_what_the_rate_needs_and_shuts_in_trouble() -> None:
    window = Window(rate=80, most=32)
    sizes = []
    for _ in range(40):
        window.answered(0.25)
        sizes.append(window.size)
    assert sizes[:3] == [2, 3, 4]
    assert sizes[-1] == 20
    window.shut()
    assert window.size == 1


def test_a_limit_lets_those_under_way_come_back_first(
    account_a: ProviderAccount, graph: GraphServer, pauses: list[tuple[float, int]]
) -> None:
    limited = [number(n) for n in range(10, 13)]
    for each in limited:
        graph.answers[each] = [wire.THROUGHPUT]
    end = work_through(broadcast(account_a, numbers(20)), send)
    assert (end.status, end.sent, end.failed, end.unknown) == (Status.COMPLETED, 20, 0, 0)
    assert graph.numbers == Counter({number(n): 1 for n in range(20)}) + Counter(limited)
    assert len(pauses) < len(limited), "one pause for all who were told to wait at once"


def test_who_has_no_answer_is_unknown_and_the_next_goes_alone(
    account_a: ProviderAccount, graph: GraphServer, pauses: list[tuple[float, int]], at_once: list[int]
) -> None:
    for n in range(10, 13):
        graph.answers[number(n)] = [wire.RESET_AFTER]
    end = work_through(broadcast(account_a, numbers(20)), send)
    assert (end.status, end.sent, end.unknown) == (Status.COMPLETED, 17, 3)
    assert statuses(end)[10:13] == ["unknown"] * 3
    assert everybody_once(graph, 20)
    for _seconds, told in pauses:
        assert at_once[told] == 1


def test_a_dead_provider_uses_up_no_more_than_were_under_way(
    account_a: ProviderAccount, graph: GraphServer, pauses: list[tuple[float, int]]
) -> None:
    for n in range(10, 100):
        graph.answers[number(n)] = [wire.RESET_AFTER]
    end = work_through(broadcast(account_a, numbers(100)), send)
    assert (end.status, end.error_code) == (Status.FAILED, "rejected")
    assert end.unknown <= AT_ONCE + sending.TROUBLES - 1
    assert end.sent + end.unknown == len(graph.told)
    assert statuses(end).count("pending") == 100 - len(graph.told)


def test_a_revoked_token_leaves_everybody_else_pending(account_a: ProviderAccount, graph: GraphServer) -> None:
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


def test_a_cancel_waits_for_those_under_way_and_for_nobody_else(
    account_a: ProviderAccount, graph: GraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = broadcast(account_a, numbers(40))
    landed = sending.Sender._tell

    def cancelling(self: sending.Sender, answer: Future[Answer]) -> None:
        landed(self, answer)
        if self._effects._progress._processed == 10:
            seen(run).cancel(SYSTEM)

    monkeypatch.setattr(sending.Sender, "_tell", cancelling)
    end = work_through(run, send)
    assert (end.status, end.unknown, end.sent) == (Status.CANCELLED, 0, len(graph.told))
    assert 10 <= end.sent <= 10 + AT_ONCE
    assert end.cancelled == 40 - end.sent


def test_without_a_connection_each_is_tried_thrice_at_most_and_the_run_says_so(
    account_a: ProviderAccount, graph: GraphServer, pauses: list[tuple[float, int]], settings: Settings
) -> None:
    settings.WHATSAPP_API_URL = "http://127.0.0.1:9"  # nobody listens
    run = broadcast(account_a, numbers(10))
    end = work_through(run, send)
    assert (end.status, end.error_code, end.failed, end.unknown) == (Status.FAILED, "rejected", 1, 0)
    assert statuses(end) == ["failed"] + ["pending"] * 9
    assert [seconds for seconds, _told in pauses] == [2, 4, 8, 16]
    assert "WhatsApp gave no answer 5 times in a row" in end.error_message


def test_the_outbox_is_called_by_the_one_who_holds_its_connection(
    account_a: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = account_of(account_a.business, kind="outbox", delay=0.01, phone_number_id="")
    threads = set()
    sent = outbox.Outbox.send

    def noted(self: outbox.Outbox, message: Message) -> Accepted:
        threads.add(threading.current_thread())
        return sent(self, message)

    monkeypatch.setattr(outbox.Outbox, "send", noted)
    end: WhatsAppBroadcast = work_through(broadcast(account, numbers(20)), send)
    assert (end.status, end.sent) == (Status.COMPLETED, 20)
    assert threads == {threading.main_thread()}
