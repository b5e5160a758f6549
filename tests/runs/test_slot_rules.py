"""Whoever waits and whoever holds the slots: room is made by fixed rules, and the shares become equal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import settings as search
from hypothesis import strategies as st

from runs.drill.models import DrillRun
from runs.lifecycle.slots import OccupiedSlot, choose_interrupts

SHORT, LONG = 10.0, 300.0  # the defaults of RUNS_SHORT_SLICE_SECONDS and RUNS_TIME_SLICE_SECONDS
BUSINESSES = st.integers(1, 5)
SECONDS = st.sampled_from([0.0, SHORT - 0.1, SHORT, 60.0, LONG - 0.1, LONG, 1000.0])

slots = st.lists(
    st.builds(OccupiedSlot, st.just(DrillRun), st.integers(0), BUSINESSES, st.booleans(), SECONDS),
    max_size=8,
    unique_by=lambda slot: slot.pk,
)
quickly = search(deadline=None, max_examples=150, derandomize=True, database=None)


def count_staying(occupied: Sequence[OccupiedSlot]) -> Counter[int]:
    return Counter(slot.business for slot in occupied if not slot.is_stopping)


@quickly
@given(waiting=BUSINESSES, occupied=slots)
def test_a_business_gives_up_no_slot_to_one_that_would_have_more(waiting: int, occupied: list[OccupiedSlot]) -> None:
    for asked in choose_interrupts([waiting], occupied, free=-sum(slot.is_stopping for slot in occupied)):
        before = count_staying(occupied)
        holder, waiter = before[asked.business], before[waiting] + 1
        if asked.business == waiting:
            assert asked.seconds >= LONG
        elif holder > waiter or waiter == 1:  # it has at least two more, or the other has none
            assert asked.seconds >= SHORT
        else:
            assert holder == waiter
            assert asked.seconds >= LONG


@quickly
@given(waiting=st.lists(BUSINESSES, max_size=5, unique=True), occupied=slots, free=st.integers(-3, 3))
def test_at_most_one_slot_is_asked_for_each_that_waits_and_finds_none_free(
    waiting: list[int], occupied: list[OccupiedSlot], free: int
) -> None:
    asked = choose_interrupts(waiting, occupied, free)
    about_to_be_free = free + sum(slot.is_stopping for slot in occupied)
    assert len(asked) <= max(0, len(waiting) - max(0, about_to_be_free))
    assert len({slot.pk for slot in asked}) == len(asked)
    assert all(slot in occupied and not slot.is_stopping for slot in asked)


@quickly
@given(holders=st.lists(BUSINESSES, min_size=1, max_size=8), number=st.integers(1, 5))
def test_shares_become_equal_and_then_nobody_is_asked_before_the_long_slice(holders: list[int], number: int) -> None:
    """All businesses have runs without end; each slot that is given up goes to whoever is next."""
    businesses = list(range(1, number + 1))
    occupied = [OccupiedSlot(DrillRun, pk, 1 + business % number, False, 0.0) for pk, business in enumerate(holders)]
    served = dict.fromkeys(businesses, 0)
    rounds_to_share = len(occupied) + 1
    for moment in range(rounds_to_share + 3):
        occupied = [OccupiedSlot(slot.model, slot.pk, slot.business, False, slot.seconds + SHORT) for slot in occupied]
        asked = choose_interrupts(in_order(businesses, occupied, served), occupied, free=0)
        if moment > rounds_to_share and number <= len(occupied):
            assert asked == []
        for slot in asked:
            occupied.remove(slot)
        for slot in asked:
            [business, *_others] = in_order(businesses, occupied, served)
            occupied.append(OccupiedSlot(DrillRun, slot.pk, business, False, 0.0))
            served[business] = moment + 1
    counts = count_staying(occupied)
    assert max(counts[business] for business in businesses) - min(counts[business] for business in businesses) <= 1


def in_order(businesses: list[int], occupied: list[OccupiedSlot], served: dict[int, int]) -> list[int]:
    """As `QueueSnapshot.in_order` puts them."""
    counts = count_staying(occupied)
    return sorted(businesses, key=lambda business: (counts[business], served[business], business))
