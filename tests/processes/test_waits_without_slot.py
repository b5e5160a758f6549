"""A run that waits holds no slot: the only one of its worker serves others, and the run then goes on by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.mailboxes.server import ServedMailbox, free_port, serve
from receipts.models import Mailbox, ReceiptSyncRun
from runs.lifecycle.dispatch import start, wake_if_claimable
from runs.models import Business
from tests.actors import read_run
from tests.post import mailbox_at, served_mailbox
from tests.waits import is_waiting_in_queue
from tests.workers import until, worker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lonely(business_a: Business) -> Mailbox:
    """A mailbox that worked once, and whose server doesn't run."""
    mailbox = mailbox_at(business_a, free_port())
    mailbox.mark_opened(7)
    return Mailbox.objects.get(pk=mailbox.pk)


def has_ended(run: ReceiptSyncRun) -> bool:
    wake_if_claimable(run.queue)  # for the end of a wait, which nobody's message tells
    return not read_run(run).is_active


def test_a_run_that_waits_leaves_the_only_slot_to_others_and_goes_on_by_itself(
    lonely: Mailbox, business_b: Business, files: Path
) -> None:
    waiting = start(ReceiptSyncRun, lonely.business, mailbox=lonely)
    settings = {"RUNS_MAX_WAIT_IN_SLOT_SECONDS": "1"}
    with (
        served_mailbox(business_b, messages=slice(5)) as mailbox,
        worker(files.parent, "receipts", slots=1, environment=settings),
    ):
        until(lambda: is_waiting_in_queue(read_run(waiting), "The mail server refuses the connection"))
        other = start(ReceiptSyncRun, business_b, mailbox=mailbox)
        until(lambda: has_ended(other))
        assert read_run(other).status == "completed"
        assert read_run(waiting).is_active
        with serve([ServedMailbox("dana", "open sesame", 7, [])], port=lonely.port):
            until(lambda: has_ended(waiting))
    end = read_run(waiting)
    assert (end.status, end.error_code, end.losses) == ("completed", "", 0)
    assert end.attempt >= 2
