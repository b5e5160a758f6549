"""One rate limit for an account, however many workers send by it."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from broadcasts.messages import Message
from broadcasts.models import OutboxMessage, Pace, ProviderAccount
from broadcasts.providers import Refused
from broadcasts.providers.outbox import Outbox
from broadcasts.sending.rate_limit import RateLimiter
from runs.exceptions import RunDeferred

pytestmark = pytest.mark.django_db


def delays(limiter: RateLimiter, count: int) -> list[float]:
    return [limiter.take_permit() for _ in range(count)]


def due_times(limiter: RateLimiter, count: int) -> list[float]:
    """When each permit is due, on this process's clock, however long the queries take."""
    return [limiter.take_permit() + time.monotonic() for _ in range(count)]


def test_two_workers_share_the_permits_of_an_account(account_a: ProviderAccount) -> None:
    account_a.rate = 10
    account_a.save(update_fields=["rate"])
    first, second = RateLimiter(account_a), RateLimiter(account_a)
    began = time.monotonic()
    due = sorted([*due_times(first, 20), *due_times(second, 20)])
    # Forty messages at ten a second: the last one leaves about four seconds from now.
    assert due[-1] - began == pytest.approx(3.7, abs=0.5)
    assert all(later - earlier > 0.05 for earlier, later in pairwise(due[4:]))


def test_a_hold_off_is_for_every_worker(account_a: ProviderAccount, account_b: ProviderAccount) -> None:
    one, other, stranger = RateLimiter(account_a), RateLimiter(account_a), RateLimiter(account_b)
    one.hold_off(20)
    assert one.take_permit() == pytest.approx(20, abs=1)
    assert other.take_permit() == pytest.approx(20, abs=1)
    assert stranger.take_permit() < 1


def test_a_worker_takes_no_permit_that_is_due_too_late_to_wait_for(account_a: ProviderAccount) -> None:
    """Runs that come back for their turn would always find that others, who never send, are before them."""
    account_a.rate = 0.1
    account_a.save(update_fields=["rate"])
    limiters = [RateLimiter(account_a) for _run in range(5)]
    assert delays(limiters[0], 1) == [0]
    assert [delays(each, 1)[0] for each in limiters[1:4]] == pytest.approx([10, 20, 30], abs=1)
    for _try in range(3):
        with pytest.raises(RunDeferred) as deferred:
            limiters[4].take_permit()
        assert deferred.value.seconds == pytest.approx(40, abs=1)


def test_unused_permits_are_lost_except_the_last_few(account_a: ProviderAccount) -> None:
    limiter = RateLimiter(account_a)
    Pace.objects.update(next_at="2020-01-01T00:00:00Z")
    account_a.rate = 1
    account_a.save(update_fields=["rate"])
    assert sum(delays(limiter, 4)) == pytest.approx(0 + 1 + 2 + 3, abs=1)


def test_the_outbox_stores_its_messages(account_a: ProviderAccount) -> None:
    message = Message(to="+972502000000", text="Hello", tracker="t")
    with Outbox(account_a) as outbox:
        stored = outbox.send(message)
    assert OutboxMessage.objects.get(message_id=stored.message_id).text == "Hello"
    account_a.failure_rate = 1
    with Outbox(account_a) as outbox, pytest.raises(Refused):
        outbox.send(message)
