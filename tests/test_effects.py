"""Effects that can't be undone: in flight before they begin, told once, unknown when nobody can tell."""

from __future__ import annotations

import pytest
from django.db import connection

from broadcasts.demo import graph as wire
from broadcasts.demo.graph import GraphServer
from broadcasts.models import ProviderAccount, Recipient, WhatsAppBroadcast
from broadcasts.sending import pending, send
from broadcasts.webhook import Delivery, Status, move_forward
from runs import effects, worker
from runs.effects import Effects
from runs.exceptions import RunLost, RunsError
from runs.progress import Progress
from runs.reset import reset_progress
from runs.timeline import SYSTEM

from .actors import seen, work_through
from .whatsapp import broadcast, number, numbers, statuses, told_to

pytestmark = pytest.mark.django_db(transaction=True)


def held(run: WhatsAppBroadcast) -> Progress:
    claimed = worker.claim(WhatsAppBroadcast, run.pk, worker="worker@test", task_id="task")
    assert claimed is not None
    return Progress(claimed)


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four in flight at once, from the first on."""
    monkeypatch.setattr(effects.Ahead, "size", lambda self: 4)


def test_an_item_is_in_flight_before_its_effect_begins(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(3))
    told = Effects(held(run))
    for n, recipient in enumerate(told.each(pending(run))):
        assert statuses(run) == ["done"] * n + ["in_flight"] + ["pending"] * (2 - n)
        assert Recipient.objects.get(pk=recipient.pk).attempts == 1
        told.done(message_id=str(n))


def test_an_outcome_that_is_never_told_is_unknown(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(2))

    def forget(run: WhatsAppBroadcast, progress: Progress) -> None:
        for _recipient in Effects(progress).each(pending(run)):
            pass

    assert (work_through(run, forget).unknown, statuses(run)) == (2, ["unknown", "unknown"])


def test_work_that_breaks_off_leaves_its_item_unknown_and_the_others_pending(
    account_a: ProviderAccount, several: None
) -> None:
    run = broadcast(account_a, numbers(6))

    def break_off(run: WhatsAppBroadcast, progress: Progress) -> None:
        told = Effects(progress)
        for n, _recipient in enumerate(told.each(pending(run))):
            if n == 1:
                raise ZeroDivisionError
            told.done()

    end = work_through(run, break_off)
    assert (end.status, end.processed, end.unknown) == ("failed", 2, 1)
    assert statuses(run) == ["done", "unknown", "pending", "pending", "pending", "pending"]


def test_beats_in_the_middle_of_an_item_settle_nothing(account_a: ProviderAccount, several: None) -> None:
    run = broadcast(account_a, numbers(4))
    progress = held(run)
    told = Effects(progress)
    each = told.each(pending(run))
    next(each)
    progress.report()
    assert statuses(run) == ["in_flight"] * 4
    told.done()
    next(each)
    progress.report()
    assert statuses(run) == ["done", "in_flight", "in_flight", "in_flight"]


def test_during_a_pause_nothing_is_in_flight_that_hasnt_begun(
    account_a: ProviderAccount, graph: GraphServer, several: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, during = broadcast(account_a, numbers(6)), []
    wait = Progress.wait

    def watched(self: Progress, seconds: float, reason: object) -> None:
        wait(self, 0.01, reason)
        during.append(statuses(run))

    monkeypatch.setattr(Progress, "wait", watched)
    graph.answers[number(1)] = [wire.PAIR_RATE]
    end = work_through(run, send)
    assert during == [["done", "pending", "pending", "pending", "pending", "pending"]]
    assert (end.status, end.sent) == ("completed", 6)
    assert told_to(graph) == [number(n) for n in (0, 1, 1, 2, 3, 4, 5)]


def test_several_in_flight_at_a_death_are_unknown_and_none_is_sent_again(
    account_a: ProviderAccount, graph: GraphServer, several: None
) -> None:
    run = broadcast(account_a, numbers(6))
    next(Effects(held(run)).each(pending(run)))
    WhatsAppBroadcast.objects.filter(pk=run.pk).take_back()
    end = work_through(run, send)
    assert (end.unknown, end.sent, told_to(graph)) == (4, 2, [number(4), number(5)])


def test_who_settles_first_counts_it(account_a: ProviderAccount) -> None:
    """The webhook may know the outcome before the worker has heard the answer."""
    run = broadcast(account_a, numbers(2))
    progress = held(run)
    told = Effects(progress)
    for n, recipient in enumerate(told.each(pending(run))):
        if n == 0:
            move_forward([Status(account_a, "wamid.0", recipient.tracker, Delivery.FAILED, "131026", "No")])
        told.done(message_id=f"wamid.{n}")
    told.settle()
    end = seen(run)
    assert (end.processed, end.sent, end.failed) == (2, 1, 1)
    assert list(Recipient.objects.order_by("pk").values_list("status", "message_id")) == [
        ("failed", "wamid.0"),
        ("done", "wamid.1"),
    ]


def test_who_is_settled_before_the_turn_comes_is_left_out(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(3))
    told, reached = Effects(held(run)), []
    for recipient in told.each(pending(run)):
        reached.append(recipient.phone)
        Recipient.objects.filter(phone=f"+{number(1)}").update(status="skipped")
        told.done()
    assert reached == [f"+{number(0)}", f"+{number(2)}"]


def test_a_run_that_was_taken_away_begins_nothing_more(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(3))
    told = Effects(held(run))
    each = told.each(pending(run))
    next(each)
    reset_progress(account_a.business, actor=SYSTEM)
    assert statuses(run) == ["unknown", "pending", "pending"], "whoever reads it is told at once"
    told.done()
    with pytest.raises(RunLost):
        next(each)
    assert statuses(run) == ["unknown", "pending", "pending"]
    assert (seen(run).processed, seen(run).unknown) == (1, 1)


def test_it_waits_for_the_disk_whatever_the_session_says(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(2))
    told = Effects(held(run))
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SELECT pg_current_wal_insert_lsn()")
        before = cursor.fetchone()[0]
        next(told.each(pending(run)))
        cursor.execute("SELECT pg_current_wal_flush_lsn() > %s::pg_lsn", [before])
        assert cursor.fetchone() == (True,)
        cursor.execute("RESET synchronous_commit")


def test_an_outcome_needs_an_item(account_a: ProviderAccount) -> None:
    with pytest.raises(RunsError):
        Effects(held(broadcast(account_a, numbers(1)))).done()
