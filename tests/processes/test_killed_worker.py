"""G1, truth: the whole worker is killed in the middle of a run, with beat and broker gone too, and readers see it.

Real processes: a Celery worker that is really killed, a broker of files that is really deleted, an
IMAP server on the loopback.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import psutil
import pytest
from pytest_django import Settings

from demo import mailboxes
from receipts.models import Receipt, ReceiptSyncRun
from runs.lifecycle import dispatch
from runs.models import Business
from runs.models.audit import SYSTEM
from runs.readers.verdict import is_stale, verdict_of
from runs.states import Status
from tests.actors import read_run
from tests.post import served_mailbox
from tests.workers import kill, until, worker

pytestmark = pytest.mark.django_db(transaction=True)

THRESHOLD = 5  # seconds
COUNT = 100  # they are fetched by fifties
MESSAGES = slice(0, COUNT)
DONE = 8  # messages before the worker is killed
FETCH_SECONDS = 0.1  # a message: the sync is still under way when it is killed, however fast its machine


def test_the_run_of_a_killed_worker_goes_stale_and_a_retry_goes_on(
    business_a: Business, files: Path, settings: Settings
) -> None:
    with served_mailbox(business_a, messages=MESSAGES, fetch_seconds=FETCH_SECONDS) as mailbox:
        run = dispatch.start(ReceiptSyncRun, business_a, mailbox=mailbox)
        with worker(files.parent) as process:
            until(lambda: read_run(run).processed >= DONE)
            kill(process)
        shutil.rmtree(files)  # and the broker is gone as well

        killed = read_run(run)
        assert killed.status == Status.RUNNING, "within the threshold it may still live"
        assert DONE <= killed.processed < COUNT
        settings.RUNS_STALE_AFTER_SECONDS = THRESHOLD  # a busy machine may have taken longer up to here
        until(lambda: (read_run(run).heartbeat_age or 0) > THRESHOLD)

        expired = read_run(run)
        assert (expired.status, expired.error_code) == ("failed", "stale")
        assert expired.error_message.startswith("Run marked as failed due to no heartbeat for ")
        assert is_stale(expired)
        assert verdict_of(expired).code == "stale"
        assert expired.processed == killed.processed

        settings.RUNS_STALE_AFTER_SECONDS = 300  # the second worker may be slow, it isn't dead
        dispatch.reopen(expired, SYSTEM, "retry")
        shown = []
        with worker(files.parent):
            until(lambda: shown.append(read_run(run)) or not shown[-1].is_active)  # type: ignore[func-returns-value]
    assert [other.processed for other in shown] == sorted(other.processed for other in shown)
    assert min(other.processed for other in shown) >= killed.processed, "the same bar goes on"
    end = shown[-1]
    assert (end.status, end.processed, end.total, end.attempt) == ("completed", COUNT, COUNT, 2)
    assert_every_receipt_is_there_once()


def test_the_run_of_a_killed_child_is_reclaimed_within_seconds(business_a: Business, files: Path) -> None:
    with (
        served_mailbox(business_a, messages=MESSAGES, fetch_seconds=FETCH_SECONDS) as mailbox,
        worker(files.parent) as process,
    ):
        run = dispatch.start(ReceiptSyncRun, business_a, mailbox=mailbox)
        until(lambda: read_run(run).processed >= DONE)
        before = read_run(run)
        [child] = psutil.Process(process.pid).children()
        child.kill()
        until(lambda: run.events.filter(status=Status.QUEUED).count() == 2)
        until(lambda: not read_run(run).is_active)
    end = read_run(run)
    assert (end.status, end.processed, end.total, end.attempt) == ("completed", COUNT, COUNT, 2)
    assert end.processed >= before.processed
    assert timeline(run) == ["started", "claimed", "resumed after worker loss", "claimed", "completed"]
    assert_every_receipt_is_there_once()


def test_a_deploy_requeues_the_run_and_the_next_worker_goes_on(business_a: Business, files: Path) -> None:
    with served_mailbox(business_a, messages=MESSAGES, fetch_seconds=FETCH_SECONDS) as mailbox:
        run = dispatch.start(ReceiptSyncRun, business_a, mailbox=mailbox)
        with worker(files.parent) as process:
            until(lambda: read_run(run).processed >= DONE)
            process.terminate()
            process.wait(60)
        between = read_run(run)
        assert (between.status, between.requested) == ("queued", "")
        assert between.cursor["uid"] == between.processed, "the cursor stands at the last item"
        with worker(files.parent):
            until(lambda: not read_run(run).is_active)
    end = read_run(run)
    assert (end.status, end.processed, end.attempt) == ("completed", COUNT, 2)
    assert "asked to interrupt" in timeline(run)
    assert_every_receipt_is_there_once()


def test_a_restarted_worker_reclaims_its_runs(business_a: Business, files: Path) -> None:
    with served_mailbox(business_a, messages=MESSAGES, fetch_seconds=FETCH_SECONDS) as mailbox:
        run = dispatch.start(ReceiptSyncRun, business_a, mailbox=mailbox)
        with worker(files.parent) as process:
            until(lambda: read_run(run).processed >= DONE)
            kill(process)
        assert read_run(run).status == Status.RUNNING
        with worker(files.parent):
            until(lambda: not read_run(run).is_active)
    assert (read_run(run).status, read_run(run).attempt) == ("completed", 2)
    assert "resumed after worker loss" in timeline(run)


def timeline(run: ReceiptSyncRun) -> list[str]:
    return [event.pgh_context["reason"] for event in run.events.order_by("pgh_id")]


def assert_every_receipt_is_there_once() -> None:
    truths = mailboxes.truths(mailboxes.MAILBOX_A)
    clean = {mail.message_id for mail in mailboxes.corpus(mailboxes.MAILBOX_A)[MESSAGES]} & truths.keys()
    stored = list(Receipt.objects.values_list("message_id", "attachment_sha256"))
    assert len(stored) == len(set(stored))
    assert clean <= {message_id for message_id, _ in stored}
