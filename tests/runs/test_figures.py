"""The daily figures equal a full recount of the runs, whatever crashed, raced or was rolled back."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F, Max
from django.db.models.functions import Now

from runs.lifecycle.figures import add_up_changes, count_history, count_step
from runs.lifecycle.sweep import sweep
from runs.models import Business, DailyOutcome, DailySpan, FigureChange, Measure, OutcomeCounter, SpanCounter
from runs.models import UncountedHistory as History
from runs.models.figures import upper_bound
from runs.states import FINISHED, ErrorCode, Status
from tests.actors import start_counting
from tests.cast import MakeRun
from tests.contract.models import CountingRun
from tests.sessions import is_any_session_waiting
from tests.workers import until

pytestmark = pytest.mark.django_db(transaction=True)

SLUG = CountingRun.slug


def assert_equals_recount() -> None:
    """Nothing is left to add up, and the figures say of each day what its runs say."""
    assert not FigureChange.objects.exists()
    outcomes: Counter[Any] = Counter()
    items: Counter[Any] = Counter()
    spans: Counter[Any] = Counter()
    for run in CountingRun.objects.filter(status__in=FINISHED):
        assert run.finished_at is not None
        day = run.finished_at.astimezone(UTC).date()
        outcomes[day, run.status, run.error_code] += 1
        items[day] += run.processed
        if run.started_at:
            spans[Measure.WAIT, bucket_of(run.started_at - run.created_at)] += 1
        if run.started_at and run.status == Status.COMPLETED:
            spans[Measure.DURATION, bucket_of(run.finished_at - run.started_at)] += 1
    rows = DailyOutcome.objects.filter(run_type=SLUG).exclude(runs=0)
    assert {(row.day, row.status, row.error_code): row.runs for row in rows} == outcomes
    counted: Counter[Any] = Counter()
    for row in rows:
        counted[row.day] += row.items
    assert +counted == +items
    counted.clear()
    for span in DailySpan.objects.filter(run_type=SLUG):
        counted[span.measure, span.bucket] += span.runs
    assert +counted == +spans


def bucket_of(span: timedelta) -> int:
    return next(bucket for bucket in range(-16, 85) if span.total_seconds() <= upper_bound(bucket))


def old_runs(make_run: MakeRun, business: Business, number: int) -> list[CountingRun]:
    """Runs that ended before there were figures."""
    runs = [make_run(business, Status.FAILED, error_code=ErrorCode.STALE, processed=n) for n in range(number)]
    FigureChange.objects.all().delete()
    History.objects.create(run_type=SLUG, through=CountingRun.objects.aggregate(last=Max("pk"))["last"])
    return runs


def retry(run: CountingRun) -> None:
    CountingRun.objects.filter(pk=run.pk).requeue()
    CountingRun.objects.filter(pk=run.pk).transition_to(Status.CANCELLED, finished_at=Now(), processed=7)


def in_other_session(executor: ThreadPoolExecutor, call: Callable[[], Any]) -> Any:
    def run() -> Any:
        try:
            return call()
        finally:
            connection.close()

    return executor.submit(run)


def test_the_sweep_counts_each_ended_run_on_its_day(business_a: Business, make_run: MakeRun) -> None:
    two_days_ago = Now() - timedelta(days=2)
    make_run(business_a, Status.COMPLETED, processed=40, finished_at=two_days_ago, started_at=F("created_at"))
    make_run(business_a, Status.FAILED, error_code=ErrorCode.STALE, processed=9, succeeded=5, failed=3)
    make_run(business_a, Status.RUNNING, processed=5)
    assert sweep()
    rows = DailyOutcome.objects.exclude(runs=0).order_by("day").values_list("status", "error_code", "runs", "items")
    assert list(rows) == [("completed", "", 1, 40), ("failed", "stale", 1, 9)]
    assert DailyOutcome.objects.get(status="failed", error_code="stale").unknown == 1
    assert_equals_recount()


def test_a_retried_run_counts_once_and_the_counters_of_monitors_never_go_back(
    business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, Status.RUNNING)
    rows = CountingRun.objects.filter(pk=run.pk)
    rows.fail(ErrorCode.STALE, "silent")
    sweep()
    rows.requeue()
    sweep()
    assert sum(DailyOutcome.objects.values_list("runs", flat=True)) == 0, "it is no finished run any more"
    rows.transition_to(Status.CANCELLED, finished_at=Now())
    rows.update(processed=8, succeeded=8)  # as a provider's late answer does
    sweep()
    assert_equals_recount()
    counted = OutcomeCounter.objects.values_list("status", "error_code", "runs")
    assert sorted(counted) == [("cancelled", "", 1), ("failed", "stale", 1)]
    assert sum(SpanCounter.objects.filter(measure=Measure.WAIT).values_list("runs", flat=True)) == 2


def test_what_is_rolled_back_or_deleted_is_not_counted(business_a: Business, make_run: MakeRun) -> None:
    make_run(business_a, Status.FAILED).delete()
    kept = make_run(business_a, Status.FAILED)
    with transaction.atomic():
        kept.delete()
        transaction.set_rollback(True)
    sweep()
    assert_equals_recount()


def test_a_sweep_that_dies_while_it_adds_up_leaves_the_rest_for_the_next(
    business_a: Business, make_run: MakeRun
) -> None:
    for _number in range(5):
        make_run(business_a, Status.FAILED)
    add_up_changes(batch=2, steps=1)
    left = FigureChange.objects.count()
    with transaction.atomic():
        add_up_changes(batch=2, steps=1)
        transaction.set_rollback(True)  # its process died before the commit
    assert FigureChange.objects.count() == left > 0, "a step takes no more than its batch"
    sweep()
    assert_equals_recount()


def test_writers_and_two_sweeps_at_once_count_each_run_once() -> None:
    businesses = [Business.objects.create(name=str(n), slug=f"b-{n}") for n in range(3)]

    def live(business: Business) -> None:
        choose = random.Random(business.pk)
        for _number in range(8):
            run = start_counting(business)
            rows = CountingRun.objects.filter(pk=run.pk)
            rows.transition_to(Status.RUNNING, started_at=Now(), processed=choose.randint(0, 9))
            rows.fail(choose.choice(list(ErrorCode)), "over")
            if choose.random() < 0.6:
                retry(run)
            if choose.random() < 0.2:
                rows.delete()

    def add_up() -> None:
        for _round in range(20):
            add_up_changes(batch=3)

    with ThreadPoolExecutor(5) as executor:
        calls = [in_other_session(executor, partial(live, business)) for business in businesses]
        calls += [in_other_session(executor, add_up) for _sweep in range(2)]
        for call in calls:
            call.result()
    sweep()
    assert_equals_recount()


def test_earlier_history_is_counted_in_steps_beside_changes_to_it(business_a: Business, make_run: MakeRun) -> None:
    runs = old_runs(make_run, business_a, 6)
    count_history(batch=2, steps=1)
    assert sum(DailyOutcome.objects.values_list("runs", flat=True)) == 2, "the newest, and no more"
    retry(runs[0])  # not counted yet
    retry(runs[5])  # counted
    runs[1].delete()
    runs[4].delete()
    make_run(business_a, Status.FAILED)
    sweep()
    assert not History.objects.exists()
    assert_equals_recount()
    assert sum(OutcomeCounter.objects.values_list("runs", flat=True)) == 2, "for monitors, history is no news"


def test_a_step_of_the_history_waits_for_a_change_under_way_and_the_other_way_round(
    business_a: Business, make_run: MakeRun
) -> None:
    run, other = old_runs(make_run, business_a, 2)
    with ThreadPoolExecutor(1) as executor:
        with transaction.atomic():
            retry(run)
            step = in_other_session(executor, lambda: count_step(CountingRun, batch=other.pk))
            until(is_any_session_waiting)
        assert step.result()
    assert_equals_recount()
    History.objects.create(run_type=SLUG, through=other.pk)
    DailyOutcome.objects.all().delete()
    DailySpan.objects.all().delete()
    with ThreadPoolExecutor(1) as executor:
        with transaction.atomic():
            assert count_step(CountingRun, batch=other.pk)
            change = in_other_session(executor, lambda: retry(other))
            until(is_any_session_waiting)
        change.result()
    sweep()
    assert_equals_recount()
