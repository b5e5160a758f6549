"""A business with more slots than another makes room after a short slice, one with as many after a long one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from runs.drill.models import DrillRun
from runs.lifecycle import start
from runs.lifecycle.slots import HeldSlot, choose_interrupts, make_room
from runs.models import Business
from runs.states import Status, StopRequest
from tests.claims import claim_run
from tests.fleet import announce

A, B, C = 1, 2, 3


def held(*slots: tuple[int, float], stopping: Iterable[int] = ()) -> list[HeldSlot]:
    """Slots as (business, seconds), numbered from 0; those in `stopping` are about to be free."""
    return [
        HeldSlot(DrillRun, number, business, is_stopping=number in stopping, seconds=seconds)
        for number, (business, seconds) in enumerate(slots)
    ]


def asked(waiting: list[int], slots: list[HeldSlot], free: int = 0) -> list[int]:
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
