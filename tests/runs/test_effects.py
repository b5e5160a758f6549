"""Effects that can't be undone: in flight before they begin, told once, unknown when nobody can tell."""

from __future__ import annotations

import pytest
from django.db import connection

from broadcasts.models import ProviderAccount, Recipient, WhatsAppBroadcast
from broadcasts.sending import pending, send
from broadcasts.webhooks.statuses import Delivery, DeliveryStatus, apply_statuses
from demo.fakes.graph import GraphServer
from runs.exceptions import RunLost, RunsError, RunStopped
from runs.lifecycle.reset import reset_progress
from runs.models.audit import SYSTEM
from runs.progress import Effects, Progress
from tests.actors import seen, work_through
from tests.claims import claim_run
from tests.whatsapp import broadcast, number, numbers, phones_sent_to, statuses

pytestmark = pytest.mark.django_db(transaction=True)


def held(run: WhatsAppBroadcast) -> Progress:
    claimed = claim_run(run)
    assert claimed is not None
    return Progress(claimed)


def test_an_item_is_in_flight_before_its_effect_begins(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(3))
    effects = Effects(held(run))
    for n, recipient in enumerate(effects.each(pending(run))):
        assert statuses(run) == ["done"] * n + ["in_flight"] + ["pending"] * (2 - n)
        assert Recipient.objects.get(pk=recipient.pk).attempts == 1
        effects.done(recipient, message_id=str(n))


def test_an_outcome_that_is_never_told_is_unknown(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(2))

    def forget(run: WhatsAppBroadcast, progress: Progress) -> None:
        for _recipient in Effects(progress).each(pending(run)):
            pass

    assert (work_through(run, forget).unknown, statuses(run)) == (2, ["unknown", "unknown"])


def test_work_that_breaks_off_leaves_what_was_in_flight_unknown(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(6))

    def break_off(run: WhatsAppBroadcast, progress: Progress) -> None:
        effects = Effects(progress)
        first, *_others = effects.begin(list(pending(run))[:3])
        effects.done(first)
        raise ZeroDivisionError

    end = work_through(run, break_off)
    assert (end.status, end.processed, end.unknown) == ("failed", 3, 2)
    assert statuses(run) == ["done", "unknown", "unknown", "pending", "pending", "pending"]


def test_beats_settle_what_was_told_and_nothing_else(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(4))
    progress = held(run)
    effects = Effects(progress)
    begun = effects.begin(list(pending(run)))
    progress.report()
    assert statuses(run) == ["in_flight"] * 4
    effects.done(begun[2])
    effects.put_back(begun[1])
    progress.report()
    assert statuses(run) == ["in_flight", "pending", "done", "in_flight"]
    assert (seen(run).processed, seen(run).sent) == (1, 1)


def test_what_was_put_back_is_in_flight_when_it_begins_again(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(2))
    effects = Effects(held(run))
    first, _second = effects.begin(list(pending(run)))
    effects.put_back(first)
    assert effects.begin([first]) == [first]
    assert statuses(run) == ["in_flight", "in_flight"]
    assert Recipient.objects.get(pk=first.pk).attempts == 2


def test_nothing_new_begins_once_somebody_has_asked_for_the_end(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(4))
    effects = Effects(held(run))
    first, second = effects.begin(list(pending(run))[:2])
    effects.done(first)
    seen(run).cancel(SYSTEM)
    with pytest.raises(RunStopped):
        effects.begin(list(pending(run))[:2])
    assert statuses(run) == ["done", "in_flight", "pending", "pending"]
    effects.done(second)
    effects.settle()
    assert statuses(run) == ["done", "done", "pending", "pending"]


def test_several_in_flight_at_a_death_are_unknown_and_none_is_sent_again(
    account_a: ProviderAccount, graph: GraphServer
) -> None:
    run = broadcast(account_a, numbers(6))
    Effects(held(run)).begin(list(pending(run))[:4])
    WhatsAppBroadcast.objects.filter(pk=run.pk).reclaim()
    end = work_through(run, send)
    assert (end.unknown, end.sent, phones_sent_to(graph)) == (4, 2, [number(4), number(5)])


def test_who_settles_first_counts_it(account_a: ProviderAccount) -> None:
    """The webhook may know the outcome before the worker has heard the answer."""
    run = broadcast(account_a, numbers(2))
    progress = held(run)
    effects = Effects(progress)
    for n, recipient in enumerate(effects.each(pending(run))):
        if n == 0:
            apply_statuses([DeliveryStatus(account_a, "wamid.0", recipient.tracker, Delivery.FAILED, "131026", "No")])
        effects.done(recipient, message_id=f"wamid.{n}")
    effects.settle()
    end = seen(run)
    assert (end.processed, end.sent, end.failed) == (2, 1, 1)
    assert list(Recipient.objects.order_by("pk").values_list("status", "message_id")) == [
        ("failed", "wamid.0"),
        ("done", "wamid.1"),
    ]


def test_who_is_settled_before_the_turn_comes_is_left_out(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(3))
    effects, reached = Effects(held(run)), []
    for recipient in effects.each(pending(run)):
        reached.append(recipient.phone)
        Recipient.objects.filter(phone=f"+{number(1)}").update(status="skipped")
        effects.done(recipient)
    assert reached == [f"+{number(0)}", f"+{number(2)}"]


def test_a_run_that_was_taken_away_begins_nothing_more(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(3))
    effects = Effects(held(run))
    each = effects.each(pending(run))
    first = next(each)
    reset_progress(account_a.business, actor=SYSTEM)
    assert statuses(run) == ["unknown", "pending", "pending"], "whoever reads it is told at once"
    effects.done(first)
    with pytest.raises(RunLost):
        next(each)
    assert statuses(run) == ["unknown", "pending", "pending"]
    assert (seen(run).processed, seen(run).unknown) == (1, 1)


def test_it_waits_for_the_disk_whatever_the_session_says(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(2))
    effects = Effects(held(run))
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SELECT pg_current_wal_insert_lsn()")
        before = cursor.fetchone()[0]
        next(effects.each(pending(run)))
        cursor.execute("SELECT pg_current_wal_flush_lsn() > %s::pg_lsn", [before])
        assert cursor.fetchone() == (True,)
        cursor.execute("RESET synchronous_commit")


def test_an_outcome_needs_an_item_in_flight_and_is_told_once(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(2))
    first, second = pending(run)
    effects = Effects(held(run))
    effects.begin([first])
    effects.done(first)
    for item in (first, second):
        with pytest.raises(RunsError):
            effects.failed(item, "No")
