"""G1, truth: the first reader expires an overdue run, even with beat, broker and every worker dead."""

import logging
import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import translation

from runs.durations import DAY, HOUR
from runs.lifecycle.sweep import sweep
from runs.models import Business
from runs.models.audit import SWEEP
from runs.readers.verdict import VerdictCode, fetch_repaired, is_stale, stale_message, verdict_of
from runs.states import Status
from tests.actors import age_heartbeat, claim_counting, read_run
from tests.contract.models import CountingRun

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stopped_clock")]


def test_a_reader_expires_an_overdue_run(business_a: Business) -> None:
    run = claim_counting(business_a)
    age_heartbeat(run, 301)
    shown_run = read_run(run)
    assert (shown_run.status, shown_run.error_code) == ("failed", "stale")
    assert shown_run.error_message == "Run marked as failed due to no heartbeat for 301s"
    assert shown_run.finished_at is not None
    assert is_stale(shown_run)
    run.refresh_from_db()
    assert run.status == "failed", "the reader repaired the row, not only the answer"


def test_a_run_within_its_threshold_is_left_alone(business_a: Business) -> None:
    run = claim_counting(business_a)
    age_heartbeat(run, 290)
    assert read_run(run).status == "running"


def test_the_sweep_writes_the_same_message_and_logs_a_line(
    business_a: Business, caplog: pytest.LogCaptureFixture
) -> None:
    run = claim_counting(business_a)
    age_heartbeat(run, 400)
    with caplog.at_level(logging.WARNING, logger="runs.models.run_queryset"):
        assert sweep()
    run.refresh_from_db()
    assert run.error_message == "Run marked as failed due to no heartbeat for 400s"
    [line] = [record.getMessage() for record in caplog.records if record.name == "runs.models.run_queryset"]
    assert line == (f"Run expired: type=counting id={run.pk} business={run.business_id} worker=worker@test age=400s")
    assert CountingRun.objects.all().expire(SWEEP) == 0, "only once"


def test_a_declared_silence_delays_expiry_until_it_is_over(business_a: Business) -> None:
    run = claim_counting(business_a)
    age_heartbeat(run, 400)
    rows = CountingRun.objects.filter(pk=run.pk)
    rows.update(silent_until=Now() + timedelta(minutes=5))
    assert read_run(run).status == "running"
    rows.update(silent_until=Now() - timedelta(seconds=1))
    assert read_run(run).status == "failed"


def test_a_reader_shows_an_overdue_run_as_failed_though_a_hung_worker_has_locked_its_row(
    business_a: Business,
) -> None:
    run = claim_counting(business_a)
    age_heartbeat(run, 301)
    locked, done = threading.Event(), threading.Event()

    def hang() -> None:
        try:
            with transaction.atomic():
                CountingRun.objects.select_for_update().get(pk=run.pk)
                locked.set()
                done.wait(30)
        finally:
            connection.close()

    hung = threading.Thread(target=hang)
    hung.start()
    try:
        assert locked.wait(30)
        shown_run = read_run(run)
    finally:
        done.set()
        hung.join()
    assert (shown_run.status, shown_run.error_code) == ("failed", "stale")
    assert verdict_of(shown_run).code == VerdictCode.STALE


def test_the_stale_message_in_hebrew(business_a: Business) -> None:
    run = claim_counting(business_a)
    age_heartbeat(run, 301)
    with translation.override("he"):
        verdict = verdict_of(read_run(run))
    assert verdict.label == "תקוע - אין עדכון"
    assert verdict.message == "המשימה לא התעדכנה מזה 5 דקות"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (119, "119 seconds"),
        (300, "5 minutes"),
        (7_199, "119 minutes"),
        (7_200, "2 hours"),
        (2 * DAY - 1, "47 hours"),
        (3 * DAY + 80_000, "3 days"),
    ],
)
def test_the_stale_message_counts_in_a_unit_that_people_can_read(seconds: int, words: str) -> None:
    assert stale_message(seconds, 90) == f"The task has not been updated for {words}"


def test_the_stale_message_of_an_old_run_changes_rarely() -> None:
    assert stale_message(3 * DAY, 300) == stale_message(4 * DAY - 1, 300)


@pytest.mark.parametrize(
    ("threshold", "words"), [(150, "150 seconds"), (9_000, "150 minutes"), (50 * HOUR, "50 hours"), (7_200, "2 hours")]
)
def test_the_stale_message_never_names_less_than_the_threshold(threshold: int, words: str) -> None:
    assert stale_message(threshold, threshold) == f"The task has not been updated for {words}"


@pytest.mark.parametrize(("age", "code"), [(0, VerdictCode.WORKING), (61, VerdictCode.QUIET), (301, VerdictCode.STALE)])
def test_the_verdict_follows_the_heartbeats_age(business_a: Business, age: int, code: VerdictCode) -> None:
    run = claim_counting(business_a)
    age_heartbeat(run, age)
    assert verdict_of(read_run(run)).code == code


def test_a_run_with_heartbeats_that_finishes_no_item_is_not_advancing(business_a: Business) -> None:
    run = claim_counting(business_a)
    CountingRun.objects.filter(pk=run.pk).update(progress_at=Now() - timedelta(seconds=121))
    assert verdict_of(read_run(run)).code == VerdictCode.NOT_ADVANCING


def test_a_sliced_list_is_repaired_too(business_a: Business) -> None:
    run = claim_counting(business_a)
    age_heartbeat(run, 301)
    [shown_run] = fetch_repaired(CountingRun.objects.with_ages().order_by("-created_at")[:1])
    assert shown_run.status == Status.FAILED
