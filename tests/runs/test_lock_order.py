"""Every writer locks a run before its items, and no change that ends a run leaves an item in flight."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest
from django.db import connection, transaction

from broadcasts.audience import skip_recipients
from broadcasts.models import ProviderAccount, Recipient, WhatsAppBroadcast
from broadcasts.sending import pending_recipients
from broadcasts.webhooks.statuses import Delivery, DeliveryStatus, apply_statuses
from runs.exceptions import RunLost, RunStopped
from runs.lifecycle.reset import reset_progress
from runs.models.audit import SWEEP, SYSTEM
from runs.progress import Effects, Progress
from runs.states import ErrorCode, ItemStatus
from tests.actors import age_heartbeat, read_run
from tests.claims import claim_run
from tests.sessions import is_any_session_waiting
from tests.whatsapp import broadcast, numbers
from tests.workers import until

pytestmark = pytest.mark.django_db(transaction=True)

Rows = Any


def end_by_reset(rows: Rows) -> None:
    reset_progress(rows.get().business, actor=SYSTEM)


def end_by_failure(rows: Rows) -> None:
    rows.fail(ErrorCode.RESET, "over")


def end_by_loss(rows: Rows) -> None:
    rows.reclaim()


def end_by_expiry(rows: Rows) -> None:
    rows.expire(SWEEP)


WAYS_OUT = [end_by_reset, end_by_failure, end_by_loss, end_by_expiry]


class Attempt:
    """A worker in the middle of a broadcast: the first message is sent, and its outcome isn't written yet."""

    def __init__(self, account: ProviderAccount) -> None:
        self.run = broadcast(account, numbers(6))
        claimed = claim_run(self.run)
        assert claimed
        self.effects = Effects(Progress(claimed))
        self.recipients = list(pending_recipients(self.run))
        [self.sent] = self.effects.begin(self.recipients[:1])

    @property
    def rows(self) -> Rows:
        return WhatsAppBroadcast.objects.filter(pk=self.run.pk)

    def settle_one_and_begin_the_next(self) -> bool:
        """False if the run was lost or stopped meanwhile."""
        try:
            self.effects.done(self.sent)
            self.effects.begin(self.recipients[1:2])
        except (RunLost, RunStopped):
            return False
        finally:
            connection.close()
        return True

    def in_flight(self) -> int:
        return Recipient.objects.filter(run=self.run, status=ItemStatus.IN_FLIGHT).count()


@pytest.fixture
def attempt(account_a: ProviderAccount) -> Attempt:
    return Attempt(account_a)


@pytest.mark.parametrize("end", WAYS_OUT)
@pytest.mark.parametrize("statement", range(8))
def test_a_worker_that_begins_the_next_message_as_its_run_ends(
    attempt: Attempt, end: Callable[[Rows], None], statement: int
) -> None:
    """At any place between the statements that end the run."""
    if end is end_by_expiry:
        age_heartbeat(attempt.run, 301)
    statements, turns = count(), list[Future[bool]]()

    def work_meanwhile(execute: Callable[..., Any], *sql: Any) -> Any:
        if next(statements) == statement:
            turns.append(sessions.submit(attempt.settle_one_and_begin_the_next))
            until(lambda: turns[0].done() or is_any_session_waiting())
        return execute(*sql)

    with ThreadPoolExecutor(1) as sessions:
        with connection.execute_wrapper(work_meanwhile):
            end(attempt.rows)
        for turn in turns:
            turn.result(10)
    if read_run(attempt.run).status != "running":  # an expiry that came after a fresh heartbeat does nothing
        assert attempt.in_flight() == 0
        run = read_run(attempt.run)
        settled = Recipient.objects.filter(run=run).exclude(status=ItemStatus.PENDING)
        assert run.processed == settled.count()


def notify_delivery(attempt: Attempt) -> None:
    account = attempt.run.account
    apply_statuses([DeliveryStatus(account, "wamid.1", attempt.sent.tracker, Delivery.DELIVERED)])


def opt_out_everybody(attempt: Attempt) -> None:
    skip_recipients(Recipient.objects.filter(run=attempt.run), "opted_out")


def report_the_outcome(attempt: Attempt) -> None:
    attempt.effects.done(attempt.sent)
    attempt.effects.settle()


def reset_the_business(attempt: Attempt) -> None:
    end_by_reset(attempt.rows)


def lose_the_worker(attempt: Attempt) -> None:
    end_by_loss(attempt.rows)


@pytest.mark.parametrize(
    "write", [notify_delivery, opt_out_everybody, report_the_outcome, reset_the_business, lose_the_worker]
)
def test_a_writer_that_waits_for_a_run_has_locked_none_of_its_items(
    attempt: Attempt, write: Callable[[Attempt], None]
) -> None:
    """Or it and a session that has locked the run, and locks the items next, would wait for each other: a deadlock."""

    def write_elsewhere() -> None:
        try:
            write(attempt)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as sessions:
        with transaction.atomic():
            attempt.rows.select_for_update().get()
            writing = sessions.submit(write_elsewhere)
            until(is_any_session_waiting)
            items = Recipient.objects.filter(run=attempt.run).select_for_update(nowait=True)
            assert len(items) == len(attempt.recipients)
        writing.result(10)
