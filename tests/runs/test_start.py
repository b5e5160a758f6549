"""One start: idempotent, exclusive, never lost; a dead run doesn't lock its business out."""

import threading
from collections.abc import Callable

import pytest
from celery import current_app
from django.db import connection

from receipts.models import Mailbox, ReceiptSyncRun
from runs.exceptions import ActiveRunExists, WrongState
from runs.lifecycle import dispatch
from runs.lifecycle.sweep import sweep
from runs.models import Business, Run
from runs.models.audit import SYSTEM
from runs.progress import Progress
from tests.actors import claimed, seen, silence, started, work_through

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    messages: list[int] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, queue: messages.append(args[0]))
    return messages


@pytest.fixture
def broker_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr(current_app, "send_task", refuse)


def test_the_same_key_gives_the_same_run(mailbox_a: Mailbox, sent: list[int]) -> None:
    runs = [
        dispatch.start(ReceiptSyncRun, mailbox_a.business, idempotency_key="k", mailbox=mailbox_a) for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert sent == [runs[0].pk]


def test_a_second_start_is_told_of_the_active_run(mailbox_a: Mailbox) -> None:
    first = started(mailbox_a)
    with pytest.raises(ActiveRunExists) as refused:
        started(mailbox_a)
    assert refused.value.run == first


def test_a_dead_run_gives_way_to_a_new_start(mailbox_a: Mailbox) -> None:
    dead = claimed(mailbox_a)
    silence(dead, 301)
    assert started(mailbox_a).status == "queued"
    dead.refresh_from_db()
    assert dead.error_code == "stale"


@pytest.mark.parametrize("again", [False, True])
def test_an_active_run_that_ends_before_it_is_named_stands_in_nobodys_way(
    mailbox_a: Mailbox, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    cancelled = started(mailbox_a)
    cancelled.cancel(SYSTEM)
    in_the_way = started(mailbox_a)
    refuse = dispatch._refuse_beside_active

    def ends_meanwhile(model: type[Run], business: Business) -> None:
        at_once(lambda: in_the_way.cancel(SYSTEM), 1)
        refuse(model, business)

    monkeypatch.setattr(dispatch, "_refuse_beside_active", ends_meanwhile)
    if again:
        dispatch.reopen(seen(cancelled), SYSTEM, "resumed")
    else:
        started(mailbox_a)
    assert ReceiptSyncRun.objects.active().exclude(pk=in_the_way.pk).count() == 1


def at_once(call: Callable[[], object], times: int) -> list[object]:
    """What each of the simultaneous calls returned or raised."""
    barrier, outcomes = threading.Barrier(times), []

    def one() -> None:
        barrier.wait()
        try:
            outcomes.append(call())
        except Exception as error:
            outcomes.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_of_simultaneous_starts_one_wins(mailbox_a: Mailbox) -> None:
    outcomes = at_once(lambda: started(mailbox_a), 6)
    [run] = [outcome for outcome in outcomes if isinstance(outcome, ReceiptSyncRun)]
    losers = [outcome for outcome in outcomes if isinstance(outcome, ActiveRunExists)]
    assert len(losers) == 5
    assert {loser.run for loser in losers} == {run}


def test_simultaneous_starts_with_one_key_make_one_run(mailbox_a: Mailbox) -> None:
    def start() -> ReceiptSyncRun:
        return dispatch.start(ReceiptSyncRun, mailbox_a.business, idempotency_key="k", mailbox=mailbox_a)

    outcomes = at_once(start, 6)
    assert len(set(outcomes)) == ReceiptSyncRun.objects.count() == 1


def test_a_broker_that_is_away_loses_no_run(mailbox_a: Mailbox, broker_away: None) -> None:
    run = started(mailbox_a)
    run.refresh_from_db()
    assert (run.status, run.dispatches) == ("queued", 1)


def test_the_sweep_publishes_a_forgotten_run_after_a_minute_then_more_rarely(
    mailbox_a: Mailbox, sent: list[int]
) -> None:
    run = started(mailbox_a)
    rows = ReceiptSyncRun.objects.filter(pk=run.pk)

    def sent_after(seconds: int) -> int:
        sent.clear()
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE receipts_receiptsyncrun SET dispatched_at = now() - %s * interval '1 second'",
                [seconds],
            )
        sweep()
        return len(sent)

    assert rows.get().dispatches == 1
    assert sent_after(55) == 0
    assert sent_after(65) == 1
    assert sent_after(65) == 0, "the second wait is two minutes"
    assert sent_after(125) == 1


def test_a_retry_goes_on_from_the_cursor_and_completed_is_final(mailbox_a: Mailbox) -> None:
    run = claimed(mailbox_a)
    silence(run, 301)
    dispatch.reopen(seen(run), SYSTEM, "retry")
    run = work_through(run, lambda run, progress: None)
    assert (run.status, run.attempt) == ("completed", 2)
    with pytest.raises(WrongState):
        dispatch.reopen(run, SYSTEM, "retry")


def test_failed_items_are_tried_again_in_a_run_of_their_own(mailbox_a: Mailbox) -> None:
    def work(run: ReceiptSyncRun, progress: Progress) -> None:
        for key in progress.track(["7:1", "7:2", "7:3"]):
            if key != "7:2":
                progress.failed(key, "no", subject=f"mail {key}")

    run = work_through(started(mailbox_a), work)
    again = dispatch.retry_failed(run, None)
    assert (again.mode, again.status) == ("selected", "queued")
    items = again.items.order_by("key").values_list("key", "status", "subject")
    assert list(items) == [("7:1", "pending", "mail 7:1"), ("7:3", "pending", "mail 7:3")]
    with pytest.raises(WrongState):
        dispatch.retry_failed(again, None)
