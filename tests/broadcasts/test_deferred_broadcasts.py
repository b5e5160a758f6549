"""A broadcast that must wait for long gives its slot back, with nothing in flight, and sends to nobody twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from broadcasts.models import Pace, ProviderAccount
from broadcasts.sending import send, trouble
from broadcasts.sending.trouble import OUTAGE_AFTER
from demo.fakes import graph as wire
from demo.fakes.graph import GraphServer
from runs.states import Status
from tests.actors import work_through
from tests.waits import is_waiting_in_queue, work_on_after_wait, work_on_until_it_ends
from tests.whatsapp import broadcast, number, numbers, statuses

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stopped_clock")]

AT_ONCE = 4
LIMIT, NO_CONTACT = "WhatsApp limit", "WhatsApp can't be reached"


@pytest.fixture(autouse=True)
def _side_by_side(graph: GraphServer, settings: Settings) -> None:
    settings.WHATSAPP_AT_ONCE = AT_ONCE
    graph.otherwise = wire.Answer(seconds=0.02)


def end_hold_off() -> None:
    Pace.objects.update(next_at=Now())


def test_a_limit_of_a_minute_drains_what_is_in_flight_and_leaves_the_slot(
    account_a: ProviderAccount, graph: GraphServer
) -> None:
    graph.answers[number(10)] = [replace(wire.THROUGHPUT, headers={"Retry-After": "60"})]
    run = work_through(broadcast(account_a, numbers(30)), send)
    assert is_waiting_in_queue(run, LIMIT)
    assert run.wait_left == pytest.approx(60, abs=20)
    assert (run.unknown, run.failed, run.losses) == (0, 0, 0)
    assert run.sent == statuses(run).count("done") == len(graph.received) - 1
    assert statuses(run).count("pending") == 30 - run.sent
    assert 10 <= run.sent < 30

    received = len(graph.received)
    held = broadcast(account_a, numbers(3))
    held = work_through(held, send)
    assert is_waiting_in_queue(held, LIMIT), "so does every broadcast of the account"
    assert len(graph.received) == received

    end_hold_off()
    end = work_on_after_wait(run, send)
    assert (end.status, end.sent, end.unknown, end.attempt) == (Status.COMPLETED, 30, 0, 2)
    assert graph.numbers[number(10)] == 2
    assert len(graph.received) == 31


def test_limits_in_a_row_hold_off_for_longer_and_longer_over_all_attempts(
    account_a: ProviderAccount, graph: GraphServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trouble, "FIRST_HOLD_OFF", 0.05)
    settings.RUNS_MAX_WAIT_IN_SLOT_SECONDS = 0.2
    settings.WHATSAPP_AT_ONCE = 1
    graph.otherwise = wire.THROUGHPUT
    run = work_through(broadcast(account_a, numbers(3)), send)
    assert is_waiting_in_queue(run, LIMIT)
    for _attempt in range(2):
        received = len(graph.received)
        end_hold_off()
        run = work_on_after_wait(run, send)
        assert is_waiting_in_queue(run, LIMIT)
        assert len(graph.received) == received + 1, "one is tried, and no short hold-off waited again"
    assert run.cursor["held_off_seconds"] > 1
    graph.otherwise = wire.SENT
    end_hold_off()
    end = work_on_after_wait(run, send)
    assert (end.status, end.sent, end.unknown) == (Status.COMPLETED, 3, 0)
    assert "held_off_seconds" not in end.cursor


def test_an_outage_is_waited_for_in_the_queue_and_no_attempt_sends_before_it_is_over(
    account_a: ProviderAccount, graph: GraphServer, settings: Settings
) -> None:
    settings.RUNS_MAX_WAIT_IN_SLOT_SECONDS = 0.5
    graph.answers = {number(n): [wire.SENT] for n in range(10)}
    graph.otherwise = wire.BAD_GATEWAY
    run = work_through(broadcast(account_a, numbers(40)), send)
    assert is_waiting_in_queue(run, NO_CONTACT)
    received, unknown = len(graph.received), run.unknown
    assert unknown <= AT_ONCE + OUTAGE_AFTER - 1
    for _attempt in range(3):
        run = work_on_after_wait(run, send)
        assert is_waiting_in_queue(run, NO_CONTACT)
    assert (len(graph.received), run.unknown, "in_flight" in statuses(run)) == (received, unknown, False)

    # The provider answers, but no message: one alone finds out.
    graph.otherwise, graph.answers = wire.SENT, {number(n): [wire.BAD_GATEWAY] for n in range(40)}
    run = work_on_after_wait(run, send)
    assert is_waiting_in_queue(run, NO_CONTACT)
    assert (len(graph.received), run.unknown) == (received + 1, unknown + 1)

    graph.answers = {}
    end = work_on_after_wait(run, send)
    assert (end.status, end.sent, end.unknown) == (Status.COMPLETED, 40 - unknown - 1, unknown + 1)
    assert max(graph.numbers.values()) == 1
    assert "unreachable_seconds" not in end.cursor


def test_an_outage_ends_the_run_after_its_longest_time_over_all_attempts(
    account_a: ProviderAccount, settings: Settings
) -> None:
    settings.RUNS_MAX_WAIT_IN_SLOT_SECONDS = 0.5
    settings.WHATSAPP_UNREACHABLE_SECONDS = 200
    settings.WHATSAPP_API_URL = "http://127.0.0.1:9"
    run = work_on_until_it_ends(broadcast(account_a, numbers(20)), send)
    assert (run.status, run.error_code, run.losses) == (Status.FAILED, "unreachable", 0)
    assert run.error_message.startswith("WhatsApp didn't answer for 3 minutes: ")
    assert 5 < run.attempt < 15
    assert statuses(run) == ["pending"] * 20


def test_one_who_gets_too_many_is_tried_three_times_over_all_attempts(
    account_a: ProviderAccount, graph: GraphServer
) -> None:
    graph.answers[number(1)] = [replace(wire.PAIR_RATE, status=429, headers={"Retry-After": "60"})] * 9
    run = work_through(broadcast(account_a, numbers(20)), send)
    assert is_waiting_in_queue(run, LIMIT)
    assert (run.sent, statuses(run)[1]) == (19, "pending")
    end = work_on_until_it_ends(run, send)
    assert (end.status, end.sent, end.failed, end.attempt) == (Status.COMPLETED, 19, 1, 3)
    assert graph.numbers[number(1)] == 3
