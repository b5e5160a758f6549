"""What a worker does about runs to claim, look by look, and when it knows that it is deaf."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from celery.worker import state
from django.db import OperationalError

import runs.drill.tasks  # noqa: F401  the worker knows the type's work
from runs.drill.models import DrillRun
from runs.lifecycle import queue_watch
from runs.lifecycle.queue_watch import QueueWatch
from runs.models import Business
from tests.claims import claim_run
from tests.fleet import announce

pytestmark = pytest.mark.django_db(transaction=True)

LOOKS = 30  # half a minute, at one a second
Messages = list[tuple[str, Any]]


class EndedItself(BaseException):
    """Passes whatever catches errors."""


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> QueueWatch:
    """Of a worker with two slots, of which none is in use."""

    def end(reason: str, worker: str) -> None:
        raise EndedItself(reason)

    monkeypatch.setattr(queue_watch, "end_this_worker", end)
    return QueueWatch("worker@test", ["drill"], SimpleNamespace(num_processes=2))


@pytest.fixture
def waiting(business_a: Business, messages: Messages) -> DrillRun:
    """A run that nobody was told of."""
    return DrillRun.objects.create(business=business_a, steps=1)


def look(watch: QueueWatch, times: int) -> None:
    for _ in range(times):
        watch.step()


def begin_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "all_total_count", [state.all_total_count[0] + 1])


def occupy(monkeypatch: pytest.MonkeyPatch, slots: int) -> None:
    monkeypatch.setattr(state, "active_requests", range(slots))
    monkeypatch.setattr(state, "reserved_requests", range(slots))


def refuse(*args: object, **options: object) -> None:
    raise ConnectionError("no broker")


def test_it_sends_as_many_messages_as_it_has_free_slots(
    watch: QueueWatch, waiting: DrillRun, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(watch, 1)
    assert messages == [("runs.work_on_queue", ["drill"])] * 2
    occupy(monkeypatch, 1)
    look(watch, 1)
    assert len(messages) == 3


def test_after_a_look_in_vain_it_sends_a_message_for_each_worker(
    watch: QueueWatch, waiting: DrillRun, messages: Messages
) -> None:
    """The busy ones take some in advance, and keep them for as long as they are busy."""
    for number in range(5):
        announce(f"worker-{number}@test", "drill", slots=2)
    look(watch, 1)
    messages.clear()
    look(watch, 1)
    assert len(messages) == 5


def test_a_run_that_nobody_was_told_of_is_offered_to_every_worker_within_two_seconds(
    watch: QueueWatch, waiting: DrillRun, messages: Messages
) -> None:
    for number in range(5):
        announce(f"worker-{number}@test", "drill", slots=2)
    seconds = 0.0
    while len(messages) < 5:
        seconds += watch.pause_seconds()
        messages.clear()
        look(watch, 1)
    assert seconds == 2


def test_nothing_to_claim_nothing_sent(watch: QueueWatch, messages: Messages) -> None:
    look(watch, LOOKS + 1)
    assert messages == []


def test_without_a_free_slot_it_asks_others_to_make_room(
    watch: QueueWatch, waiting: DrillRun, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(queue_watch, "make_room_and_wake", lambda queue, level: asked.append(queue))
    occupy(monkeypatch, 2)
    look(watch, 2 * LOOKS)
    assert set(asked) == {"drill"}
    assert messages == []


def test_after_half_a_minute_of_taking_nothing_it_is_deaf(watch: QueueWatch, waiting: DrillRun) -> None:
    look(watch, LOOKS - 1)
    with pytest.raises(EndedItself):
        look(watch, 1)


def test_a_worker_that_begins_a_task_now_and_then_is_not_deaf(
    watch: QueueWatch, waiting: DrillRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        look(watch, LOOKS - 1)
        begin_task(monkeypatch)


def test_one_look_without_anything_to_claim_ends_the_suspicion(watch: QueueWatch, waiting: DrillRun) -> None:
    look(watch, LOOKS - 1)
    claimed = claim_run(waiting)
    assert claimed is not None
    look(watch, 1)
    DrillRun.objects.reclaim()
    look(watch, LOOKS - 1)


def test_a_broker_that_is_away_makes_nobody_deaf_and_is_one_warning(
    watch: QueueWatch, waiting: DrillRun, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    look(watch, LOOKS - 1)
    monkeypatch.setattr(Celery, "send_task", refuse)
    look(watch, 2 * LOOKS)
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1
    monkeypatch.setattr(Celery, "send_task", lambda *args, **options: None)
    look(watch, LOOKS - 1)
    with pytest.raises(EndedItself):
        look(watch, 1)


def test_a_database_that_is_away_ends_the_suspicion(
    watch: QueueWatch, waiting: DrillRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object, **options: object) -> None:
        raise OperationalError("away")

    look(watch, LOOKS - 1)
    with monkeypatch.context() as outage:
        outage.setattr(queue_watch, "fetch_order", away)
        with pytest.raises(OperationalError):
            look(watch, 1)
    look(watch, LOOKS - 1)


def test_a_main_loop_that_hangs_says_nothing_about_free_slots(
    watch: QueueWatch, waiting: DrillRun, messages: Messages, monkeypatch: pytest.MonkeyPatch
) -> None:
    occupy(monkeypatch, 2)
    monkeypatch.setattr(queue_watch, "STUCK_SECONDS", -1)
    watch.note_loop_turns()
    look(watch, LOOKS - 1)
    assert len(messages) == LOOKS - 1, "the broker's acceptance is part of the proof"
    with pytest.raises(EndedItself):
        look(watch, 1)
