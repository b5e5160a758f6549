"""G2: once a run has left its attempt, nothing from that attempt is written."""

from collections.abc import Callable

import pytest

from receipts.models import Mailbox, Receipt, ReceiptSyncRun
from runs.exceptions import RunLost
from runs.lifecycle import dispatch, worker
from runs.lifecycle.reset import reset_progress
from runs.models.audit import SYSTEM
from runs.progress import Progress
from runs.states import Status
from tests.actors import claim_sync, read_run, silence

pytestmark = pytest.mark.django_db(transaction=True)


def expire(run: ReceiptSyncRun) -> None:
    silence(run, 301)
    read_run(run)


def reset(run: ReceiptSyncRun) -> None:
    reset_progress(run.business, actor=SYSTEM, reason="test")


def claim_again(run: ReceiptSyncRun) -> None:
    expire(run)
    dispatch.reopen(read_run(run), SYSTEM, "retry")
    assert worker.claim(ReceiptSyncRun, run.pk, worker="worker@other", task_id="other")


TAKEN_AWAY = pytest.mark.parametrize("take_away", [expire, reset, claim_again])


@TAKEN_AWAY
def test_a_late_flush_is_refused_and_changes_nothing(
    mailbox_a: Mailbox, take_away: Callable[[ReceiptSyncRun], None]
) -> None:
    run = claim_sync(mailbox_a)
    progress = Progress(run)
    take_away(run)
    before = ReceiptSyncRun.objects.filter(pk=run.pk).values().get()
    progress.checkpoint(uid=99)
    with pytest.raises(RunLost), progress.allow_silence(minutes=1):
        pytest.fail("the flush before the silence should have been refused")
    with pytest.raises(RunLost):
        progress.leave(Status.COMPLETED)
    assert ReceiptSyncRun.objects.filter(pk=run.pk).values().get() == before


@TAKEN_AWAY
def test_a_late_effect_and_a_late_item_are_refused(
    mailbox_a: Mailbox, take_away: Callable[[ReceiptSyncRun], None]
) -> None:
    run = claim_sync(mailbox_a)
    progress = Progress(run)

    def write() -> None:
        Receipt.objects.create(business=run.business, message_id="late")

    def finish_an_item_too_late() -> None:
        for item in progress.track(["a"], durably=True):
            progress.done(item)
            take_away(run)

    with pytest.raises(RunLost):
        finish_an_item_too_late()
    with pytest.raises(RunLost):
        progress.fenced(write)
    assert not Receipt.objects.exists()
    assert not run.items.exists()


@TAKEN_AWAY
def test_the_worker_of_a_lost_run_leaves_quietly(
    mailbox_a: Mailbox, take_away: Callable[[ReceiptSyncRun], None]
) -> None:
    statuses: list[str] = []

    def work(run: ReceiptSyncRun, progress: Progress) -> None:
        take_away(run)
        statuses.append(read_run(run).status)

    run = dispatch.start(ReceiptSyncRun, mailbox_a.business, mailbox=mailbox_a)
    worker.execute(ReceiptSyncRun, work, run.pk)
    assert [read_run(run).status] == statuses


def test_two_claims_of_one_run_give_it_to_one(mailbox_a: Mailbox) -> None:
    run = claim_sync(mailbox_a)
    assert worker.claim(ReceiptSyncRun, run.pk, worker="second", task_id="late") is None
    run.refresh_from_db()
    assert (run.attempt, run.worker) == (1, "worker@test")
