"""A business with more slots than another makes room after a short slice, one with as many after a long one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, models, transaction
from django.db.models.functions import Now
from pytest_django import Settings

from receipts.models import Mailbox, ReceiptSyncRun
from runs.drill.models import DrillRun
from runs.lifecycle import start
from runs.lifecycle.dispatch import make_room_and_wake
from runs.lifecycle.slots import OccupiedSlot, choose_interrupts, make_room
from runs.lifecycle.worker import work_on_next, works
from runs.lifecycle.worker_process import this_worker
from runs.models import Business, BusinessQueue, Run, RunLimit
from runs.models.queue_snapshot import FIRST
from runs.states import Status, StopRequest
from tests.claims import claim_run
from tests.contract.models import CountingRun
from tests.fleet import announce

A, B, C = 1, 2, 3


def held(*slots: tuple[int, float], stopping: Iterable[int] = ()) -> list[OccupiedSlot]:
    """Slots as (business, seconds), numbered from 0; those in `stopping` are about to be free."""
    return [
        OccupiedSlot(DrillRun, number, business, is_stopping=number in stopping, seconds=seconds)
        for number, (business, seconds) in enumerate(slots)
    ]


def asked(waiting: list[int], slots: list[OccupiedSlot], free: int = 0) -> list[int]:
    return [slot.pk for slot in choose_interrupts(waiting, slots, free)]


def test_the_longest_of_the_business_with_most_slots_makes_room_after_the_short_slice() -> None:
    assert asked([B], held((A, 9), (A, 12), (A, 11), (C, 200))) == [1]
    assert asked([B], held((A, 9), (A, 9), (A, 9))) == []


def test_a_slot_that_is_free_or_about_to_be_is_enough() -> None:
    assert asked([B], held((A, 100), (A, 100)), free=1) == []
    assert asked([B], held((A, 100), (A, 100), stopping=[0])) == []


def test_a_business_with_a_slot_less_waits_for_the_long_slice() -> None:
    assert asked([B], held((A, 100), (A, 100), (B, 5))) == []
    assert asked([B], held((A, 301), (A, 100), (B, 5))) == [0]


def test_where_there_are_fewer_slots_than_businesses_they_take_turns_by_the_short_slice() -> None:
    assert asked([C], held((A, 11), (B, 30))) == [1]
    assert asked([C], held((A, 9), (B, 9))) == []


def test_a_run_makes_room_for_another_of_its_business_after_the_long_slice_only() -> None:
    assert asked([A], held((A, 100), (A, 299))) == []
    assert asked([A], held((A, 100), (A, 301))) == [1]


def test_each_business_that_waits_gets_a_slot() -> None:
    assert asked([B, C], held((A, 20), (A, 30), (A, 40))) == [2, 1]


@pytest.mark.django_db(transaction=True)
def test_the_very_start_that_finds_no_free_slot_makes_room(
    business_a: Business, business_b: Business, settings: Settings
) -> None:
    settings.RUNS_SHORT_SLICE_SECONDS = 10
    announce("worker@test", DrillRun.queue, "another", slots=2)
    first, second = (start(DrillRun, business_a, steps=1) for _number in range(2))
    for seconds, run in enumerate((first, second), start=15):
        claim_run(run, worker="worker@test")
        DrillRun.objects.filter(pk=run.pk).update(claimed_at=Now() - timedelta(seconds=seconds))
    start(DrillRun, business_b, steps=1)
    requests = DrillRun.objects.filter(status=Status.RUNNING).order_by("pk").values_list("requested", flat=True)
    assert list(requests) == ["", StopRequest.INTERRUPT]
    assert make_room(DrillRun.queue) == 0, "one is about to be free"


@pytest.mark.django_db(transaction=True)
def test_nobody_makes_room_while_no_worker_is_alive(business_a: Business, business_b: Business) -> None:
    run = start(DrillRun, business_a, steps=1)
    announce("worker@test", DrillRun.queue, seconds_ago=50)
    claim_run(run, worker="worker@test")
    DrillRun.objects.filter(pk=run.pk).update(claimed_at=Now() - timedelta(seconds=1000))
    start(DrillRun, business_b, steps=1)
    assert make_room(DrillRun.queue) == 0


def hold_slots(business: Business, count: int, seconds: int = 60) -> list[DrillRun]:
    """Runs of the business that have had their slots for so long, the last of them for longest."""
    runs = [start(DrillRun, business, steps=1) for _number in range(count)]
    for number, run in enumerate(runs):
        claim_run(run, worker="worker@test")
        since = Now() - timedelta(seconds=seconds + number)
        DrillRun.objects.filter(pk=run.pk).update(claimed_at=since, progress_at=Now())
    return runs


@pytest.mark.django_db(transaction=True)
def test_a_limit_that_is_reached_is_shared_like_slots(business_a: Business, business_b: Business) -> None:
    RunLimit.objects.create(run_type=DrillRun.slug, max_running=2)
    announce("worker@test", DrillRun.queue, slots=4)
    hold_slots(business_a, 2)
    start(DrillRun, business_b, steps=1)
    assert DrillRun.objects.filter(requested=StopRequest.INTERRUPT).count() == 1
    assert make_room(DrillRun.queue) == 0, "the limit has room for it as soon as that one has left"


@pytest.mark.django_db(transaction=True)
def test_no_more_slots_are_asked_for_than_a_limit_leaves_room_for(business_a: Business) -> None:
    RunLimit.objects.create(run_type=CountingRun.slug, max_running=1)
    announce("worker@test", DrillRun.queue, slots=4)
    hold_slots(business_a, 4)
    for number in range(3):
        start(CountingRun, Business.objects.create(name=str(number), slug=str(number)))
    assert DrillRun.objects.filter(requested=StopRequest.INTERRUPT).count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_attempt_that_has_finished_nothing_is_not_interrupted(business_a: Business, business_b: Business) -> None:
    """Or one whose beginning takes longer than the short slice would never get anywhere."""
    announce("worker@test", DrillRun.queue, slots=1)
    [run] = hold_slots(business_a, 1)
    rows = DrillRun.objects.filter(pk=run.pk)
    rows.update(progress_at=models.F("claimed_at"))
    start(DrillRun, business_b, steps=1)
    assert make_room(DrillRun.queue) == 0
    rows.update(progress_at=Now())
    assert make_room(DrillRun.queue) == 1


@pytest.mark.django_db(transaction=True)
def test_a_run_that_somebody_else_is_writing_is_left_for_the_next_time(
    business_a: Business, business_b: Business
) -> None:
    """Nobody waits for its lock here, and so nobody can be blocked by this in turn, such as a reset."""
    announce("worker@test", DrillRun.queue, slots=1)
    [run] = hold_slots(business_a, 1)
    start_quietly = partial(DrillRun.objects.create, business=business_b, steps=1)
    start_quietly()
    with ThreadPoolExecutor(1) as threads, transaction.atomic():
        DrillRun.objects.select_for_update().get(pk=run.pk)
        assert threads.submit(in_own_session, make_room, DrillRun.queue).result(10) == 0
    assert make_room(DrillRun.queue) == 1


def in_own_session(call: Callable[..., int], *args: str) -> int:
    try:
        return call(*args)
    finally:
        connection.close()


@pytest.mark.django_db
def test_nobody_waits_for_a_slot_whose_run_was_asked_to_leave_and_hangs(
    business_a: Business, business_b: Business
) -> None:
    announce("worker@test", DrillRun.queue, slots=2)
    hanging, going_on = hold_slots(business_a, 2)
    rows = DrillRun.objects.filter(pk=hanging.pk)
    rows.update(requested=StopRequest.INTERRUPT)
    DrillRun.objects.create(business=business_b, steps=1)
    assert make_room(DrillRun.queue) == 0, "it has just finished an item, and leaves before the next"
    rows.update(progress_at=Now() - timedelta(seconds=11))
    assert make_room(DrillRun.queue) == 1
    assert DrillRun.objects.get(pk=going_on.pk).requested == StopRequest.INTERRUPT


@pytest.mark.django_db
def test_those_that_a_limit_holds_back_hide_nobody_who_waits(business_a: Business, business_b: Business) -> None:
    """They were served longest ago, if ever, so they stay first in order."""
    announce("worker@test", DrillRun.queue, slots=2)
    hold_slots(business_a, 2)
    for number in range(2 * FIRST):
        held_back = Business.objects.create(name=f"Held back {number}", slug=f"held-back-{number}")
        RunLimit.objects.create(business=held_back, max_running=0)
        start(DrillRun, held_back, steps=1)
    start(DrillRun, business_b, steps=1)
    BusinessQueue.objects.update_or_create(business=business_b, queue=DrillRun.queue, defaults={"served_at": Now()})
    DrillRun.objects.update(requested="")
    assert make_room(DrillRun.queue) == 1


@pytest.mark.django_db(transaction=True)
def test_a_slot_that_was_left_for_another_queue_goes_to_that_queue(
    business_a: Business, mailbox_b: Mailbox, messages: list[tuple[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was busy has taken messages in advance: all of them name the queue that had all of its slots."""
    worked: list[Run] = []
    for model in (DrillRun, ReceiptSyncRun):
        monkeypatch.setitem(works, model, lambda run, progress: worked.append(run))
    monkeypatch.setattr(this_worker, "queues", [DrillRun.queue, "receipts"])
    announce("worker@test", DrillRun.queue, "receipts", slots=2)
    hold_slots(business_a, 1)
    started = [start(DrillRun, business_a, steps=1), start(ReceiptSyncRun, mailbox_b.business, mailbox=mailbox_b)]
    work_on_next(DrillRun.queue, worker="worker@test", task_id="reserved")
    work_on_next(DrillRun.queue, worker="worker@test", task_id="reserved too")
    assert [run.slug for run in worked] == ["receipt_sync", "drill"]
    assert started == worked[::-1]


@pytest.mark.django_db(transaction=True)
def test_the_queue_is_woken_for_the_slot_that_another_queue_gives_up(
    business_a: Business, mailbox_b: Mailbox, messages: list[tuple[str, Any]]
) -> None:
    """The run that leaves wakes its own queue only, and would come straight back."""
    announce("worker@test", DrillRun.queue, "receipts", slots=1)
    hold_slots(business_a, 1)
    start(ReceiptSyncRun, mailbox_b.business, mailbox=mailbox_b)
    messages.clear()
    DrillRun.objects.update(requested="")
    make_room_and_wake("receipts")
    assert messages == [("runs.work_on_queue", ["receipts"])]
