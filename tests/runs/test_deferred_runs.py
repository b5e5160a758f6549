"""A run that can't go on for hours waits in the queue: it occupies no worker, isn't claimed early, readers see why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django.utils import translation
from django.utils.translation import gettext
from pytest_django import Settings
from rest_framework.test import APIClient

from recordings.stored_messages import PROVIDER_ERROR
from runs.exceptions import RunDeferred
from runs.lifecycle import dispatch, shutdown, sweep
from runs.lifecycle.dispatch import end_waits
from runs.lifecycle.reset import reset_progress
from runs.lifecycle.slots import make_room
from runs.models import Business, BusinessQueue
from runs.models.audit import SYSTEM
from runs.progress import Progress
from runs.readers.verdict import verdict_of
from runs.states import Status, StopRequest
from tests.actors import read_run, start_counting, work_through
from tests.claims import claim_run
from tests.contract.models import CountingRun
from tests.fleet import announce

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = 3600


def defer(run: CountingRun, progress: Progress) -> None:
    for number in progress.track(range(3), total=3):
        if number == 1 and run.attempt == 1:
            raise RunDeferred(HOUR, "The server is closed")


@pytest.fixture
def deferred(business_a: Business) -> CountingRun:
    return work_through(start_counting(business_a), defer)


def rows(run: CountingRun) -> Any:
    return CountingRun.objects.filter(pk=run.pk)


def let_time_pass(run: CountingRun, seconds: int = HOUR + 1) -> None:
    rows(run).update(waiting_until=Now() + timedelta(seconds=HOUR - seconds))
    BusinessQueue.objects.update(served_at=Now() - timedelta(seconds=seconds))


def claim(run: CountingRun) -> CountingRun | None:
    return claim_run(run)


def test_its_verdict_is_waiting_with_the_time_and_the_reason(deferred: CountingRun) -> None:
    verdict = verdict_of(deferred)
    assert (deferred.status, verdict.code, deferred.processed) == (Status.QUEUED, "waiting", 1)
    assert verdict.message.startswith("The server is closed, until ")
    assert verdict.evidence["seconds_to_wait"] == pytest.approx(HOUR, abs=60)
    assert deferred.events.order_by("-pgh_id")[0].pgh_context["reason"] == "deferred"


def test_a_reason_that_is_a_sentence_goes_on_with_the_time(deferred: CountingRun) -> None:
    rows(deferred).update(waiting_reason="The provider asks us to wait.")
    assert verdict_of(read_run(deferred)).message.startswith("The provider asks us to wait, until ")


def test_a_reason_with_values_is_in_the_readers_language(deferred: CountingRun) -> None:
    rows(deferred).update(waiting_reason=PROVIDER_ERROR % {"status": 503})
    with translation.override("he"):
        expected = gettext(PROVIDER_ERROR.text) % {"status": 503}
        message = verdict_of(read_run(deferred)).message
    assert not expected.isascii()
    assert message.startswith(expected.rstrip("."))


def test_nobody_claims_it_or_wakes_a_worker_for_it_before_its_time(deferred: CountingRun, messages: list[Any]) -> None:
    messages.clear()
    assert claim(deferred) is None
    assert not dispatch.wake_if_claimable(CountingRun.queue)
    rows(deferred).update(queued_at=Now() - timedelta(days=2))
    sweep.sweep()
    assert (messages, read_run(deferred).status) == ([], Status.QUEUED)


def test_it_goes_on_by_itself_at_its_time(deferred: CountingRun, messages: list[Any]) -> None:
    announce("worker@test", CountingRun.queue)
    messages.clear()
    let_time_pass(deferred)
    sweep.sweep()
    assert messages == [("runs.work_on_queue", ["drill"])]
    end = work_through(deferred, defer)
    assert (end.status, end.attempt, end.waiting_until, end.waiting_reason) == (Status.COMPLETED, 2, None, "")


def test_the_wait_doesnt_count_towards_the_queue_timeout(deferred: CountingRun, settings: Settings) -> None:
    settings.RUNS_QUEUE_TIMEOUT_SECONDS = 60
    rows(deferred).update(queued_at=Now() - timedelta(days=2))
    let_time_pass(deferred, HOUR + 30)
    sweep.fail_untaken(CountingRun)
    assert read_run(deferred).status == Status.QUEUED
    let_time_pass(deferred, HOUR + 90)
    sweep.fail_untaken(CountingRun)
    assert read_run(deferred).status == Status.FAILED


def test_ending_its_wait_wakes_a_worker_at_once(deferred: CountingRun, messages: list[Any]) -> None:
    messages.clear()
    with transaction.atomic():
        assert end_waits(CountingRun.objects.all()) == 1
        assert messages == []
    assert messages == [("runs.work_on_queue", ["drill"])]
    assert end_waits(CountingRun.objects.all()) == 0
    assert claim(deferred) is not None


def test_it_takes_no_slot_from_another_run(deferred: CountingRun, business_b: Business, settings: Settings) -> None:
    settings.RUNS_TIME_SLICE_SECONDS = 0
    other = start_counting(business_b)
    assert claim(other) is not None
    announce("worker@test", CountingRun.queue)
    assert make_room(CountingRun.queue) == 0


def test_a_worker_that_shuts_down_wakes_nobody_for_it(deferred: CountingRun, messages: list[Any]) -> None:
    messages.clear()
    shutdown.wake_other_workers()
    assert messages == []


@pytest.mark.parametrize(
    ("request_", "status"), [(StopRequest.PAUSE, Status.PAUSED), (StopRequest.CANCEL, Status.CANCELLED)]
)
def test_a_stop_request_from_before_the_wait_is_applied(
    business_a: Business, request_: StopRequest, status: Status
) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        rows(run).request_stop(request_, actor=None)
        raise RunDeferred(HOUR, "The server is closed")

    end = work_through(start_counting(business_a), work)
    assert (end.status, end.waiting_until, end.waiting_reason) == (status, None, "")


def test_it_can_be_cancelled_and_resumed(deferred: CountingRun, as_member_a: APIClient) -> None:
    url = f"/api/runs/counting/{deferred.pk}"
    body = as_member_a.get(f"{url}/").json()
    assert (body["status"], body["verdict"]["code"], body["actions"]) == (
        "queued",
        "waiting",
        ["cancel"],
    )
    assert as_member_a.post(f"{url}/cancel/").json()["verdict"]["code"] == "cancelled"
    assert as_member_a.post(f"{url}/resume/").json()["verdict"]["code"] == "waiting_for_worker"
    assert claim(deferred) is not None


def test_a_reset_ends_its_wait(deferred: CountingRun) -> None:
    reset_progress(deferred.business, actor=SYSTEM)
    end = read_run(deferred)
    assert (end.status, end.waiting_until) == (Status.FAILED, None)


def test_it_is_never_stale(deferred: CountingRun) -> None:
    rows(deferred).update(heartbeat_at=Now() - timedelta(days=1))
    sweep.sweep()
    assert verdict_of(read_run(deferred)).code == "waiting"
