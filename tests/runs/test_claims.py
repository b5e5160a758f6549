"""Who is next in a queue: businesses in turn, then age, within the limits; and no run is claimed twice (G2)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.postgres.functions import TransactionNow
from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now
from pytest_django import Settings

from runs.database import fetch_pipelined
from runs.drill.models import DrillRun
from runs.lifecycle import start
from runs.lifecycle.claim import claim_next, take_turn_and_claim
from runs.lifecycle.sweep import fail_untaken
from runs.lifecycle.worker import work_on_next
from runs.models import Business, RunLimit
from runs.models.business_queue import BusinessQueue
from runs.models.queue_snapshot import FIRST, fetch_to_claim
from runs.progress import Progress
from runs.states import Status
from tests.contract.models import CountingRun

pytestmark = pytest.mark.django_db(transaction=True)

QUEUE = DrillRun.queue


def queue_runs(business: Business, count: int) -> list[DrillRun]:
    return [start(DrillRun, business, steps=1) for _number in range(count)]


def claim() -> DrillRun | None:
    run = claim_next(QUEUE, worker="worker@test", task_id="task")
    assert run is None or isinstance(run, DrillRun)
    return run


def claim_all() -> list[DrillRun]:
    claimed = []
    while run := claim():
        claimed.append(run)
    return claimed


def test_the_oldest_run_of_a_business_is_claimed_first(business_a: Business) -> None:
    runs = queue_runs(business_a, 3)
    assert [run.pk for run in claim_all()] == [run.pk for run in runs]


def test_businesses_take_turns_however_many_runs_one_has_queued(business_a: Business, business_b: Business) -> None:
    queue_runs(business_a, 5)
    queue_runs(business_b, 2)
    claimed = [run.business_id for run in claim_all()]
    assert claimed[:4] == [business_a.pk, business_b.pk] * 2
    assert claimed[4:] == [business_a.pk] * 3


def test_of_two_that_run_nothing_the_one_served_longest_ago_is_next(business_a: Business, business_b: Business) -> None:
    queue_runs(business_a, 2)
    [first] = [claim()]
    assert first is not None
    DrillRun.objects.filter(pk=first.pk).transition_to(Status.COMPLETED)
    queue_runs(business_b, 1)
    assert [run.business_id for run in claim_all()] == [business_b.pk, business_a.pk]


def test_a_run_that_waits_is_passed_over_until_its_time(business_a: Business) -> None:
    waiting, other = queue_runs(business_a, 2)
    rows = DrillRun.objects.filter(pk=waiting.pk)
    rows.update(waiting_until=Now() + timedelta(hours=1), waiting_reason="a limit")
    assert [run.pk for run in claim_all()] == [other.pk]
    rows.update(waiting_until=Now() - timedelta(seconds=1))
    [claimed] = claim_all()
    assert (claimed.pk, claimed.waiting_until, claimed.waiting_reason) == (waiting.pk, None, "")


def test_the_setting_limits_each_business(business_a: Business, business_b: Business, settings: Settings) -> None:
    settings.RUNS_MAX_RUNNING = {DrillRun.slug: 2}
    queue_runs(business_a, 4)
    queue_runs(business_b, 1)
    assert [run.business_id for run in claim_all()] == [business_a.pk, business_b.pk, business_a.pk]


def test_a_business_s_own_limit_replaces_the_setting(business_a: Business, settings: Settings) -> None:
    settings.RUNS_MAX_RUNNING = {DrillRun.slug: 2}
    RunLimit.objects.create(business=business_a, run_type=DrillRun.slug, max_running=3)
    queue_runs(business_a, 4)
    assert len(claim_all()) == 3


@pytest.mark.parametrize("run_type", [DrillRun.slug, ""])
def test_a_limit_of_all_businesses_counts_them_together(
    business_a: Business, business_b: Business, run_type: str
) -> None:
    RunLimit.objects.create(run_type=run_type, max_running=3)
    queue_runs(business_a, 3)
    queue_runs(business_b, 3)
    assert len(claim_all()) == 3


def test_claims_at_the_same_time_exceed_no_limit_and_claim_no_run_twice(
    business_a: Business, business_b: Business
) -> None:
    RunLimit.objects.create(business=business_a, run_type=DrillRun.slug, max_running=4)
    RunLimit.objects.create(max_running=7)
    queue_runs(business_a, 12)
    queue_runs(business_b, 12)

    def claim_in_thread(_number: int) -> int | None:
        try:
            run = claim()
            return run.pk if run else None
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        claimed = [pk for pk in threads.map(claim_in_thread, range(24)) if pk]
    assert len(claimed) == len(set(claimed)) == 7
    running = DrillRun.objects.filter(status=Status.RUNNING)
    assert running.count() == 7
    assert 3 <= running.filter(business=business_a).count() <= 4


def test_a_claim_that_began_in_the_same_microsecond_has_no_turn_of_its_own(business_a: Business) -> None:
    """It would leave a run that is running and that nobody works on."""
    [run] = queue_runs(business_a, 1)
    _snapshot, [head] = fetch_to_claim(QUEUE)
    with transaction.atomic():  # all of it at one `transaction_timestamp()`
        BusinessQueue.objects.create(business=business_a, queue=QUEUE, served_at=TransactionNow())
        assert take_turn_and_claim(QUEUE, head, [], "worker@test", "task") == (False, None)
    run.refresh_from_db()
    assert run.status == Status.QUEUED


def test_a_claim_whose_machine_freezes_locks_nobody_out(
    business_a: Business, business_b: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock that it left would hold up its business, and with a wide limit everybody."""
    RunLimit.objects.create(max_running=10)
    queue_runs(business_a, 2)
    queue_runs(business_b, 1)
    is_sent, may_go_on = threading.Event(), threading.Event()

    def freeze_after(statements: Any) -> Any:
        rows = fetch_pipelined(statements)
        if threading.current_thread().name == "frozen":
            is_sent.set()
            may_go_on.wait(30)
        return rows

    monkeypatch.setattr("runs.lifecycle.claim.fetch_pipelined", freeze_after)

    def claim_and_freeze() -> None:
        claim()
        connection.close()

    frozen = threading.Thread(target=claim_and_freeze, name="frozen")
    frozen.start()
    assert is_sent.wait(10)
    try:
        assert [run.business_id for run in claim_all()] == [business_b.pk, business_a.pk]
    finally:
        may_go_on.set()
        frozen.join()


@pytest.mark.parametrize("is_committed", ["before the next try", "during the next try", "during the work"])
def test_a_claim_whose_answer_was_lost_goes_back_to_the_queue(
    business_a: Business, monkeypatch: pytest.MonkeyPatch, is_committed: str
) -> None:
    queue_runs(business_a, 3)
    if is_committed == "before the next try":
        RunLimit.objects.create(max_running=1)  # which the lost claim has reached
    tries: list[str] = []
    worked_on: list[int] = []

    def lose_first_answer(*args: Any, **options: Any) -> Any:
        tries.append("try")
        if len(tries) == 1:
            if is_committed == "before the next try":
                claim_next(*args, **options)
            raise OperationalError("server closed the connection unexpectedly")
        if is_committed == "during the next try":
            claim_next(*args, **options)
        return claim_next(*args, **options)

    def work(run: DrillRun, progress: Progress) -> None:
        worked_on.append(run.pk)
        if is_committed == "during the work":
            claim_next(QUEUE, worker="worker@test", task_id="task")
        else:
            assert DrillRun.objects.get(status=Status.RUNNING) == run

    monkeypatch.setattr("runs.lifecycle.worker.claim_next", lose_first_answer)
    monkeypatch.setattr("runs.lifecycle.worker.works", {DrillRun: work})
    work_on_next(QUEUE, worker="worker@test", task_id="task")
    assert list(DrillRun.objects.filter(status=Status.COMPLETED).values_list("pk", flat=True)) == worked_on
    queued = DrillRun.objects.filter(status=Status.QUEUED)
    assert (queued.count(), sorted(queued.values_list("attempt", flat=True))) == (2, [0, 1])


def test_many_that_a_limit_holds_back_delay_no_other_type(business_a: Business, business_b: Business) -> None:
    for number in range(FIRST):
        held_back = Business.objects.create(name=str(number), slug=str(number))
        RunLimit.objects.create(business=held_back, run_type=CountingRun.slug, max_running=0)
        start(CountingRun, held_back)
    queue_runs(business_b, 5)
    other = start(CountingRun, business_a)
    claimed = [claim_next(QUEUE) for _claim in range(2)]
    assert other in claimed


def test_a_run_that_a_limit_holds_back_is_not_given_up(business_a: Business, business_b: Business) -> None:
    RunLimit.objects.create(business=business_a, run_type=DrillRun.slug, max_running=0)
    [held_back], [untaken] = queue_runs(business_a, 1), queue_runs(business_b, 1)
    DrillRun.objects.update(queued_at=Now() - timedelta(days=2))
    fail_untaken(DrillRun)
    statuses = dict(DrillRun.objects.values_list("pk", "status"))
    assert statuses == {held_back.pk: Status.QUEUED, untaken.pk: Status.FAILED}
