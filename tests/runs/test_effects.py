"""G3, nothing lost: an effect is in flight before it begins, has one outcome, and is unknown where that was lost."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection

from broadcasts.models import ProviderAccount, Recipient, WhatsAppBroadcast
from broadcasts.sending import pending_recipients, send
from broadcasts.webhooks.statuses import Delivery, DeliveryStatus, apply_statuses
from demo.fakes.graph import GraphServer
from runs.exceptions import RunLost, RunsError, RunStopped
from runs.lifecycle.reset import reset_progress
from runs.models.audit import SYSTEM
from runs.progress import Effects, Progress
from runs.progress.flush import execute_guarded
from tests.actors import read_run, work_through
from tests.claims import claim_run
from tests.whatsapp import broadcast, number, numbers, phones_sent_to, statuses

pytestmark = pytest.mark.django_db(transaction=True)


def claim_progress(run: WhatsAppBroadcast) -> Progress:
    claimed = claim_run(run)
    assert claimed is not None
    return Progress(claimed)


def test_an_item_is_in_flight_before_its_effect_begins(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(3))
    effects = Effects(claim_progress(run))
    for n, recipient in enumerate(effects.each(pending_recipients(run))):
        assert statuses(run) == ["done"] * n + ["in_flight"] + ["pending"] * (2 - n)
        assert Recipient.objects.get(pk=recipient.pk).attempts == 1
        effects.done(recipient, message_id=str(n))


def test_an_effect_without_an_outcome_is_unknown(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(2))

    def forget(run: WhatsAppBroadcast, progress: Progress) -> None:
        for _recipient in Effects(progress).each(pending_recipients(run)):
            pass

    assert (work_through(run, forget).unknown, statuses(run)) == (2, ["unknown", "unknown"])


def test_an_exception_sets_items_in_flight_to_unknown(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(6))

    def break_off(run: WhatsAppBroadcast, progress: Progress) -> None:
        effects = Effects(progress)
        first, *_others = effects.begin(list(pending_recipients(run))[:3])
        effects.done(first)
        raise ZeroDivisionError

    end = work_through(run, break_off)
    assert (end.status, end.processed, end.unknown) == ("failed", 3, 2)
    assert statuses(run) == ["done", "unknown", "unknown", "pending", "pending", "pending"]


def test_a_flush_writes_the_outcomes_that_were_reported_and_no_others(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(4))
    progress = claim_progress(run)
    effects = Effects(progress)
    begun = effects.begin(list(pending_recipients(run)))
    progress.report()
    assert statuses(run) == ["in_flight"] * 4
    effects.done(begun[2])
    effects.put_back(begun[1])
    progress.report()
    assert statuses(run) == ["in_flight", "pending", "done", "in_flight"]
    assert (read_run(run).processed, read_run(run).sent) == (1, 1)


def test_an_item_that_was_put_back_is_in_flight_when_it_begins_again(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(2))
    effects = Effects(claim_progress(run))
    first, _second = effects.begin(list(pending_recipients(run)))
    effects.put_back(first)
    assert effects.begin([first]) == [first]
    assert statuses(run) == ["in_flight", "in_flight"]
    assert Recipient.objects.get(pk=first.pk).attempts == 2


def test_no_effect_begins_after_a_stop_request(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(4))
    effects = Effects(claim_progress(run))
    first, second = effects.begin(list(pending_recipients(run))[:2])
    effects.done(first)
    read_run(run).cancel(SYSTEM)
    with pytest.raises(RunStopped):
        effects.begin(list(pending_recipients(run))[:2])
    assert statuses(run) == ["done", "in_flight", "pending", "pending"]
    effects.done(second)
    effects.settle()
    assert statuses(run) == ["done", "done", "pending", "pending"]


def test_a_cancel_after_a_lost_answer_leaves_nothing_in_flight(
    account_a: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The items are in flight in the database; the worker doesn't know before it has sent the statement again."""
    run = broadcast(account_a, numbers(3))
    effects = Effects(claim_progress(run))
    answers = iter([OperationalError("the connection is lost")])

    def lose_first_answer(*args: Any) -> tuple[Any, ...]:
        answer = execute_guarded(*args)
        for error in answers:
            read_run(run).cancel(SYSTEM)
            raise error
        return answer

    monkeypatch.setattr("runs.progress.effects.execute_guarded", lose_first_answer)
    for recipient in effects.begin(list(pending_recipients(run))[:2]):
        effects.done(recipient)
    with pytest.raises(RunStopped):
        effects.begin(list(pending_recipients(run)))
    assert statuses(run) == ["done", "done", "pending"]


def test_several_in_flight_at_a_death_are_unknown_and_none_is_sent_again(
    account_a: ProviderAccount, graph: GraphServer
) -> None:
    run = broadcast(account_a, numbers(6))
    Effects(claim_progress(run)).begin(list(pending_recipients(run))[:4])
    WhatsAppBroadcast.objects.filter(pk=run.pk).reclaim()
    end = work_through(run, send)
    assert (end.unknown, end.sent, phones_sent_to(graph)) == (4, 2, [number(4), number(5)])


def test_a_new_attempt_has_not_advanced_before_it_has_sent_anything(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(3))
    effects = Effects(claim_progress(run))
    sent, _in_flight = effects.begin(list(pending_recipients(run))[:2])
    effects.done(sent)
    effects.settle()
    WhatsAppBroadcast.objects.filter(pk=run.pk).reclaim()
    progress = claim_progress(run)
    Effects(progress)
    progress.report()
    row = read_run(run)
    assert (row.processed, row.progress_at) == (2, row.claimed_at)


def test_only_the_first_outcome_of_an_item_counts(account_a: ProviderAccount) -> None:
    """The webhook may know the outcome before the worker has WhatsApp's response."""
    run = broadcast(account_a, numbers(2))
    progress = claim_progress(run)
    effects = Effects(progress)
    for n, recipient in enumerate(effects.each(pending_recipients(run))):
        if n == 0:
            apply_statuses([DeliveryStatus(account_a, "wamid.0", recipient.tracker, Delivery.FAILED, "131026", "No")])
        effects.done(recipient, message_id=f"wamid.{n}")
    effects.settle()
    end = read_run(run)
    assert (end.processed, end.sent, end.failed) == (2, 1, 1)
    assert list(Recipient.objects.order_by("pk").values_list("status", "message_id")) == [
        ("failed", "wamid.0"),
        ("done", "wamid.1"),
    ]


def test_an_item_that_was_settled_before_its_turn_is_left_out(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(3))
    effects, reached = Effects(claim_progress(run)), []
    for recipient in effects.each(pending_recipients(run)):
        reached.append(recipient.phone)
        Recipient.objects.filter(phone=f"+{number(1)}").update(status="skipped")
        effects.done(recipient)
    assert reached == [f"+{number(0)}", f"+{number(2)}"]


def test_a_lost_run_begins_no_effect(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(3))
    effects = Effects(claim_progress(run))
    each = effects.each(pending_recipients(run))
    first = next(each)
    reset_progress(account_a.business, actor=SYSTEM)
    assert statuses(run) == ["unknown", "pending", "pending"], "every reader sees it at once"
    effects.done(first)
    with pytest.raises(RunLost):
        next(each)
    assert statuses(run) == ["unknown", "pending", "pending"]
    assert (read_run(run).processed, read_run(run).unknown) == (1, 1)


def test_items_in_flight_are_on_the_disk_even_without_synchronous_commit(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(2))
    effects = Effects(claim_progress(run))
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SELECT pg_current_wal_insert_lsn()")
        before = cursor.fetchone()[0]
        next(effects.each(pending_recipients(run)))
        cursor.execute("SELECT pg_current_wal_flush_lsn() > %s::pg_lsn", [before])
        assert cursor.fetchone() == (True,)
        cursor.execute("RESET synchronous_commit")


def test_an_outcome_needs_an_item_in_flight_and_is_reported_once(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(2))
    first, second = pending_recipients(run)
    effects = Effects(claim_progress(run))
    effects.begin([first])
    effects.done(first)
    for item in (first, second):
        with pytest.raises(RunsError):
            effects.failed(item, "No")
