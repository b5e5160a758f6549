"""Where a queued run stands and what it waits for, as its readers see it; and that it costs them nothing."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from runs.database import fetch_pipelined
from runs.drill.models import DrillRun
from runs.lifecycle import start
from runs.lifecycle.claim import claim_next
from runs.models import Business, RunLimit
from runs.readers import queue_view
from runs.readers.verdict import Verdict, fetch_repaired, verdict_of
from runs.states import Status
from tests.contract.models import CountingRun
from tests.fleet import announce

pytestmark = pytest.mark.django_db

QUEUE = DrillRun.queue


def make_business(name: str) -> Business:
    return Business.objects.create(name=f"Business {name}", slug=f"business-{name}")


def queue_runs(business: Business, count: int) -> list[DrillRun]:
    return [start(DrillRun, business, steps=1) for _number in range(count)]


def fill_queue(business: Business, count: int) -> list[DrillRun]:
    return DrillRun.objects.bulk_create(DrillRun(business=business, steps=1) for _number in range(count))


def claim(count: int = 1) -> list[int]:
    return [pk for _type, pk in claim_any(count)]


def claim_any(count: int) -> list[tuple[str, int]]:
    claimed = (claim_next(QUEUE, worker="worker@test", task_id="task") for _number in range(count))
    return [(run.slug, run.pk) for run in claimed if run]


def verdicts(*runs: DrillRun) -> list[Verdict]:
    rows = DrillRun.objects.filter(pk__in=[run.pk for run in runs]).with_ages().order_by("pk")
    return [verdict_of(run) for run in fetch_repaired(rows)]


def places(runs: Sequence[DrillRun]) -> list[Any]:
    return [verdict.evidence["place_in_queue"] for verdict in verdicts(*runs)]


def read_run(run: DrillRun) -> tuple[str, Any, Any]:
    [verdict] = verdicts(run)
    return verdict.message, verdict.evidence["place_in_queue"], verdict.evidence["waits_for"]


# The place


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.django_db(transaction=True)  # each claim is a transaction of its own
def test_runs_are_claimed_in_the_order_of_their_places(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    most = 100
    if seed % 2:  # few enough for the first heads to matter
        most = 2
        monkeypatch.setattr(queue_view, "MOST", most)
        monkeypatch.setattr(queue_view, "FIRST_HEADS", 1 + seed % 3)
    chance = random.Random(seed)
    businesses = [make_business(str(number)) for number in range(4)]
    for business in businesses:
        queue_runs(business, chance.randint(0, 4))
    claim(chance.randint(0, 6))
    for business in chance.sample(businesses, 2):
        RunLimit.objects.create(business=business, run_type=DrillRun.slug, max_running=chance.randint(1, 6))
    for business in chance.sample(businesses, 4):
        queue_runs(business, chance.randint(0, 2))
        if chance.random() < 0.5:
            start(CountingRun, business)
        queue_runs(business, chance.randint(0, 2))
    drills = fetch_repaired(DrillRun.objects.filter(status=Status.QUEUED).with_ages())
    countings = fetch_repaired(CountingRun.objects.filter(status=Status.QUEUED).with_ages())
    shown = {(run.slug, run.pk): verdict_of(run).evidence["place_in_queue"] for run in (*drills, *countings)}
    claimed = claim_any(40)
    assert [shown[key] for key in claimed] == [
        place if place <= most + 1 else None for place in range(1, len(claimed) + 1)
    ]


def test_businesses_take_turns_however_many_runs_another_has_queued(business_a: Business, business_b: Business) -> None:
    many, few = queue_runs(business_a, 5), queue_runs(business_b, 2)
    assert places(many) == [1, 3, 5, 6, 7]
    assert places(few) == [2, 4]


def test_runs_for_which_a_limit_leaves_no_room_yet_have_a_place_too(business_a: Business) -> None:
    RunLimit.objects.create(business=business_a, max_running=1)
    assert places(queue_runs(business_a, 3)) == [1, 2, 3]


def test_nobody_counts_further_than_a_hundred(business_a: Business, business_b: Business) -> None:
    announce("worker@test", QUEUE, slots=0)
    own = fill_queue(business_a, 102)
    assert read_run(own[100]) == ("Place 101 in the queue.", 101, "slot")
    assert read_run(own[101]) == ("More than 100 runs are before it in the queue.", None, "slot")
    fill_queue(business_b, 300)
    assert places(own[50:52]) == [101, None]


def test_a_hundred_businesses_before_it_are_as_many_as_a_thousand() -> None:
    announce("worker@test", QUEUE, slots=0)
    for number in range(101):
        fill_queue(make_business(str(number)), 1)
    last, beyond = (fill_queue(make_business(name), 1)[0] for name in ("last", "beyond"))
    DrillRun.objects.filter(business__slug="business-0").update(waiting_until=Now() + timedelta(hours=1))
    assert places([last, beyond]) == [101, None]


def test_a_run_whose_wait_is_over_has_its_place_before_a_claim_has_noticed(business_a: Business) -> None:
    first, second, third = queue_runs(business_a, 3)
    DrillRun.objects.filter(pk=second.pk).update(waiting_until=Now() - timedelta(seconds=1))
    assert places([first, second, third])[:2] == [1, 2]


def test_a_run_that_waits_until_a_time_has_no_place(business_a: Business) -> None:
    waiting, other = queue_runs(business_a, 2)
    rows = DrillRun.objects.filter(pk=waiting.pk)
    rows.update(waiting_until=Now() + timedelta(hours=1), waiting_reason="A provider's limit")
    message, place, waits_for = read_run(waiting)
    assert (message.split(",")[0], place, waits_for) == ("A provider's limit", None, None)
    assert places([other]) == [1]


def test_only_queued_runs_have_a_place(business_a: Business) -> None:
    running, finished, _queued = queue_runs(business_a, 3)
    claim(2)
    DrillRun.objects.filter(pk=finished.pk).transition_to(Status.COMPLETED)
    assert places([running, finished]) == [None, None]


# What it waits for


def test_without_a_worker_that_serves_its_queue_it_waits_for_one(business_a: Business) -> None:
    [run] = queue_runs(business_a, 1)
    assert read_run(run) == ("No worker is running.", 1, "worker")
    announce("other", "receipts")
    announce("lost", QUEUE, seconds_ago=46)
    assert read_run(run) == ("No worker is running.", 1, "worker")
    announce("lost", "receipts", QUEUE)
    assert read_run(run) == ("It starts in a moment.", 1, None)


def test_while_all_slots_are_occupied_it_waits_for_one(business_a: Business, business_b: Business) -> None:
    announce("worker@test", QUEUE, "receipts", slots=2)
    queue_runs(business_a, 2)
    claim(2)
    first, second = queue_runs(business_a, 1)[0], queue_runs(business_b, 1)[0]
    assert read_run(second) == ("It is next in the queue.", 1, "slot")
    assert read_run(first) == ("Place 2 in the queue.", 2, "slot")
    announce("worker@test", QUEUE, "receipts", slots=3)
    assert read_run(second) == ("It starts in a moment.", 1, None)
    assert read_run(first) == ("Place 2 in the queue.", 2, "slot")


def test_slots_of_workers_that_are_lost_or_serve_other_queues_are_not_counted(business_a: Business) -> None:
    announce("worker@test", QUEUE, slots=1)
    announce("other", "receipts", slots=5)
    announce("lost", QUEUE, slots=5, seconds_ago=46)
    queue_runs(business_a, 2)
    [claimed] = claim()
    [run] = DrillRun.objects.filter(status=Status.QUEUED)
    assert read_run(run)[2] == "slot"
    DrillRun.objects.filter(pk=claimed).update(worker="lost")
    assert read_run(run)[2] is None


def test_a_limit_of_its_business_is_named_with_its_numbers(business_a: Business, business_b: Business) -> None:
    announce("worker@test", QUEUE, slots=4)
    RunLimit.objects.create(business=business_a, run_type=DrillRun.slug, max_running=2)
    queue_runs(business_a, 3)
    claim(2)
    [run] = DrillRun.objects.filter(status=Status.QUEUED)
    [verdict] = verdicts(run)
    assert verdict.message == "2 runs of this business are running: the limit."
    assert (verdict.evidence["waits_for"], verdict.evidence["place_in_queue"]) == ("limit", None)
    assert verdict.evidence["running_of_limit"] == {"running": 2, "limit": 2}
    assert places(queue_runs(business_b, 1)) == [1]  # it is passed over


def test_the_limit_of_the_settings_is_named_as_well(business_a: Business, settings: Settings) -> None:
    settings.RUNS_MAX_RUNNING = {DrillRun.slug: 1}
    announce("worker@test", QUEUE, slots=4)
    queue_runs(business_a, 2)
    claim()
    [run] = DrillRun.objects.filter(status=Status.QUEUED)
    assert read_run(run) == ("1 run of this business is running: the limit.", None, "limit")


@pytest.mark.parametrize("run_type", [DrillRun.slug, ""])
def test_a_limit_of_all_businesses_tells_nothing_of_the_others(
    business_a: Business, business_b: Business, run_type: str
) -> None:
    announce("worker@test", QUEUE, slots=40)
    RunLimit.objects.create(run_type=run_type, max_running=13)
    queue_runs(business_b, 15)
    claim(13)
    [run] = queue_runs(business_a, 1)
    [verdict] = verdicts(run)
    assert verdict.message == "The limit for all businesses together is reached. It is next in the queue."
    assert (verdict.evidence["waits_for"], verdict.evidence["place_in_queue"]) == ("limit", 1)
    assert verdict.evidence["running_of_limit"] is None
    assert "13" not in repr(verdict.message) + repr(verdict.evidence | {"seconds_in_queue": None})
    assert places(list(DrillRun.objects.filter(status=Status.QUEUED, business=business_b))) == [2, 3]


def test_a_limit_of_its_own_business_is_named_before_a_wider_one(business_a: Business) -> None:
    announce("worker@test", QUEUE, slots=4)
    RunLimit.objects.create(max_running=1)
    RunLimit.objects.create(business=business_a, max_running=1)
    queue_runs(business_a, 2)
    claim()
    [run] = DrillRun.objects.filter(status=Status.QUEUED)
    assert read_run(run) == ("1 run of this business is running: the limit.", None, "limit")


def test_runs_that_are_held_back_are_said_to_be(business_a: Business) -> None:
    announce("worker@test", QUEUE)
    RunLimit.objects.create(run_type=DrillRun.slug, max_running=0)
    [run] = queue_runs(business_a, 1)
    assert read_run(run)[0] == "It is held back in the queue."


# The price


def test_the_round_trips_are_the_same_for_one_run_and_for_many(business_a: Business, business_b: Business) -> None:
    def count_round_trips(rows: Any) -> int:
        trips: Counter[str] = Counter()

        def fetch(statements: Any) -> Any:
            trips["pipelined"] += 1
            return fetch_pipelined(statements)

        with (
            patch("runs.readers.queue_view.fetch_pipelined", fetch),
            patch("runs.models.queue_snapshot.fetch_pipelined", fetch),
            CaptureQueriesContext(connection) as queries,
        ):
            fetch_repaired(rows.with_ages())
        return trips["pipelined"] + len(queries)

    [run] = queue_runs(business_a, 1)
    one = count_round_trips(DrillRun.objects.filter(pk=run.pk))
    fill_queue(business_a, 150)
    fill_queue(business_b, 150)
    assert count_round_trips(DrillRun.objects.all()) == one == 3
    DrillRun.objects.transition_to(Status.CANCELLED)
    assert count_round_trips(DrillRun.objects.all()) == 1
