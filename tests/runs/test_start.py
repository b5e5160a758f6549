"""One start: idempotent, exclusive, never lost; a dead run doesn't lock its business out."""

import threading
from collections.abc import Callable

import pytest
from celery import current_app
from django.db import connection

from runs.exceptions import ActiveRunExists, WrongStatus
from runs.lifecycle import dispatch
from runs.lifecycle.sweep import sweep
from runs.models import Business, Run
from runs.models.audit import SYSTEM
from runs.progress import Progress
from tests.actors import age_heartbeat, claim_counting, read_run, start_counting, work_through
from tests.claims import claim_run
from tests.contract.models import CountingRun
from tests.fleet import announce

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, queue: messages.append(queue))
    return messages


@pytest.fixture
def broker_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr(current_app, "send_task", refuse)


def test_the_same_key_gives_the_same_run(business_a: Business, sent: list[str]) -> None:
    runs = [dispatch.start(CountingRun, business_a, idempotency_key="k") for _ in range(2)]
    assert runs[0] == runs[1]
    assert sent == [CountingRun.queue]


def test_a_second_start_gets_the_active_run(business_a: Business) -> None:
    first = start_counting(business_a)
    with pytest.raises(ActiveRunExists) as refused:
        start_counting(business_a)
    assert refused.value.run == first


def test_a_start_expires_an_overdue_run(business_a: Business) -> None:
    dead = claim_counting(business_a)
    age_heartbeat(dead, 301)
    assert start_counting(business_a).status == "queued"
    dead.refresh_from_db()
    assert dead.error_code == "stale"


@pytest.mark.parametrize("again", [False, True])
def test_a_start_succeeds_where_the_active_run_has_just_ended(
    business_a: Business, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    cancelled = start_counting(business_a)
    cancelled.cancel(SYSTEM)
    in_the_way = start_counting(business_a)
    refuse = dispatch.refuse_beside_active

    def ends_meanwhile(model: type[Run], business: Business) -> None:
        at_once(lambda: in_the_way.cancel(SYSTEM), 1)
        refuse(model, business)

    monkeypatch.setattr(dispatch, "refuse_beside_active", ends_meanwhile)
    if again:
        dispatch.reopen(read_run(cancelled), SYSTEM, "resumed")
    else:
        start_counting(business_a)
    assert CountingRun.objects.active().exclude(pk=in_the_way.pk).count() == 1


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


def test_of_simultaneous_starts_one_wins(business_a: Business) -> None:
    outcomes = at_once(lambda: start_counting(business_a), 6)
    [run] = [outcome for outcome in outcomes if isinstance(outcome, CountingRun)]
    losers = [outcome for outcome in outcomes if isinstance(outcome, ActiveRunExists)]
    assert len(losers) == 5
    assert {loser.run for loser in losers} == {run}


def test_simultaneous_starts_with_one_key_make_one_run(business_a: Business) -> None:
    def start() -> CountingRun:
        return dispatch.start(CountingRun, business_a, idempotency_key="k")

    outcomes = at_once(start, 6)
    assert len(set(outcomes)) == CountingRun.objects.count() == 1


def test_a_broker_that_is_away_loses_no_run(business_a: Business, broker_away: None) -> None:
    run = start_counting(business_a)
    run.refresh_from_db()
    assert run.status == "queued"


def test_the_sweep_wakes_queues_that_have_runs_to_claim(business_a: Business, sent: list[str]) -> None:
    run = start_counting(business_a)
    sent.clear()
    sweep()
    assert sent == [], "without a worker messages would only fill the broker"
    announce("worker@test", CountingRun.queue)
    sweep()
    assert sent == [CountingRun.queue]
    sent.clear()
    claim_run(run)
    sweep()
    assert sent == []


def test_a_retry_goes_on_from_the_cursor_and_completed_is_final(business_a: Business) -> None:
    run = claim_counting(business_a)
    age_heartbeat(run, 301)
    dispatch.reopen(read_run(run), SYSTEM, "retry")
    run = work_through(run, lambda run, progress: None)
    assert (run.status, run.attempt) == ("completed", 2)
    with pytest.raises(WrongStatus):
        dispatch.reopen(run, SYSTEM, "retry")


def test_failed_items_are_retried_in_a_new_run(business_a: Business) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        for key in progress.track(["7:1", "7:2", "7:3"]):
            if key != "7:2":
                progress.failed(key, "no", title=f"mail {key}")

    run = work_through(start_counting(business_a), work)
    again = dispatch.retry_failed(run, None)
    assert again.status == "queued"
    items = again.items.order_by("key").values_list("key", "status", "title")
    assert list(items) == [("7:1", "pending", "mail 7:1"), ("7:3", "pending", "mail 7:3")]
    with pytest.raises(WrongStatus):
        dispatch.retry_failed(again, None)
