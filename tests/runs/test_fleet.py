"""Workers announce themselves, and whose machine is lost: by the database's clock, whatever other clocks say (G6)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now

from runs.lifecycle.fleet import reclaim_from_lost_machines
from runs.lifecycle.sweep import sweep
from runs.lifecycle.worker_process import this_worker
from runs.models import Business, Worker
from runs.states import Status
from tests import fleet
from tests.actors import read_run, start_counting
from tests.claims import claim_run
from tests.contract.models import CountingRun

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stopped_clock")]

JUDGE = "judge@here"
LOST = "lost@there"


def announce(name: str = JUDGE, boot: str = "first", *, is_first: bool = False) -> bool:
    return Worker.objects.announce(name=name, boot=boot, queues=["drill"], slots=2, is_first=is_first)


def time_passes(seconds: float) -> None:
    """As if the database had been away: nobody announced anything, and no run sent a heartbeat."""
    past = timedelta(seconds=seconds)
    Worker.objects.update(announced_at=F("announced_at") - past, unbroken_since=F("unbroken_since") - past)
    CountingRun.objects.update(heartbeat_at=F("heartbeat_at") - past)


def seconds_since(column: str) -> float:
    age: timedelta = Worker.objects.values_list(Now() - F(column), flat=True).get()
    return age.total_seconds()


# Announcements


def test_a_first_announcement_makes_the_row_and_later_ones_keep_it_young() -> None:
    assert announce(is_first=True)
    booted_at = Worker.objects.get().booted_at
    time_passes(15)
    assert announce()
    worker = Worker.objects.get()
    assert (worker.queues, worker.slots, worker.booted_at) == (["drill"], 2, booted_at)
    assert (seconds_since("announced_at"), seconds_since("unbroken_since")) == (0, 15)
    assert Worker.objects.alive().serving("drill").exists()


def test_after_a_gap_of_more_than_two_announcements_they_are_unbroken_from_then_on() -> None:
    announce(is_first=True)
    time_passes(21)
    announce()
    assert seconds_since("unbroken_since") == 0


def test_of_two_boots_of_one_name_the_newer_has_the_row_and_the_older_is_refused() -> None:
    announce(boot="older", is_first=True)
    assert announce(boot="newer", is_first=True)
    assert not announce(boot="older")
    assert announce(boot="newer")
    assert Worker.objects.get().boot == "newer"


def test_a_row_that_is_gone_is_made_again() -> None:
    announce(is_first=True)
    Worker.objects.all().delete()
    assert announce()
    assert Worker.objects.get().boot == "first"


def test_the_sweep_forgets_workers_that_nobody_has_heard_of_for_a_day() -> None:
    fleet.announce("old", seconds_ago=86_401)
    fleet.announce("lost", seconds_ago=3600)
    sweep()
    assert [worker.name for worker in Worker.objects.all()] == ["lost"]


# Lost machines


@pytest.fixture
def run(business_a: Business, monkeypatch: pytest.MonkeyPatch) -> CountingRun:
    """A run whose worker and whose own heartbeat have been silent for 46 s, beside a judge."""
    fleet.announce(JUDGE, "drill", boot="here")
    fleet.announce(LOST, "drill", boot="there", seconds_ago=46)
    monkeypatch.setattr(this_worker, "boot", "there")
    claimed = claim_run(start_counting(business_a), worker=LOST)
    assert claimed is not None
    monkeypatch.setattr(this_worker, "boot", "here")
    CountingRun.objects.update(heartbeat_at=Now() - timedelta(seconds=46))
    return claimed


def judge(*queues: str) -> int:
    return reclaim_from_lost_machines(JUDGE, list(queues or ["drill"]))


def test_a_run_on_a_lost_machine_goes_back_to_the_queue_and_wakes_it(
    run: CountingRun, messages: list[tuple[str, Any]]
) -> None:
    CountingRun.objects.update(silent_until=Now() + timedelta(hours=1))  # it promised to be silent: the machine is gone
    messages.clear()
    assert judge() == 1
    after = read_run(run)
    assert (after.status, after.losses) == (Status.QUEUED, 1)
    event = after.events.latest("pgh_id")
    assert event.pgh_context["reason"] == "machine lost"
    assert event.pgh_context["actor"]["name"] == JUDGE
    assert len(messages) == 1
    assert judge() == 0


@pytest.mark.parametrize(
    "is_alive",
    [
        lambda: CountingRun.objects.update(heartbeat_at=Now() - timedelta(seconds=44.9)),
        lambda: Worker.objects.filter(name=LOST).update(announced_at=Now() - timedelta(seconds=44.9)),
        lambda: Worker.objects.filter(name=LOST).update(boot="newer"),
        lambda: Worker.objects.filter(name=LOST).delete(),
        lambda: Worker.objects.filter(name=JUDGE).update(unbroken_since=Now() - timedelta(seconds=44.9)),
        lambda: Worker.objects.filter(name=JUDGE).update(announced_at=Now() - timedelta(seconds=21)),
        lambda: Worker.objects.filter(name=JUDGE).delete(),
    ],
    ids=[
        "work",
        "machine",
        "a newer boot, which reclaims them itself",
        "worker of an earlier version",
        "gap",
        "judge was frozen",
        "judge is unknown",
    ],
)
def test_a_run_is_left_alone_where_one_of_the_signs_is_missing(run: CountingRun, is_alive: Any) -> None:
    is_alive()
    assert judge() == 0
    assert read_run(run).status == Status.RUNNING


def test_a_worker_judges_only_the_queues_that_it_serves(run: CountingRun) -> None:
    assert judge("receipts", "control") == 0


def test_a_database_that_was_away_for_a_minute_makes_none_of_three_workers_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ["one", "two", "three"]
    for name in names:
        fleet.announce(name, "drill", boot=name)
        monkeypatch.setattr(this_worker, "boot", name)
        assert claim_run(start_counting(Business.objects.create(name=name, slug=name)), worker=name)
    time_passes(60)

    def announce_and_judge(name: str) -> int:
        monkeypatch.setattr(this_worker, "boot", name)
        assert announce(name, boot=name)
        return reclaim_from_lost_machines(name, ["drill"])

    assert [announce_and_judge("one") for _ in range(3)] == [0, 0, 0], "the others haven't been heard yet"
    time_passes(10)
    assert [announce_and_judge(name) for name in names] == [0, 0, 0]
    reclaimed = []
    for _ in range(5):  # two and three stay silent: their machines are lost indeed
        time_passes(10)
        reclaimed.append(announce_and_judge("one"))
    assert reclaimed == [0, 0, 0, 0, 2]
