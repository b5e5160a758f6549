"""One rate limit for an account, however many workers send by it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.db.models.functions import Now

from broadcasts.messages import Message
from broadcasts.models import OutboxMessage, Pace, ProviderAccount
from broadcasts.providers import Refused
from broadcasts.providers.outbox import Outbox
from broadcasts.sending import rate_limit
from broadcasts.sending.rate_limit import RateLimiter
from runs.exceptions import RunDeferred

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stopped_clocks")]


@pytest.fixture(autouse=True)
def _stopped_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process's clock stands as the database's does."""
    monkeypatch.setattr(rate_limit, "time", SimpleNamespace(monotonic=lambda: 1000.0))


def limiters_of(account: ProviderAccount, count: int) -> list[RateLimiter]:
    """Of an account whose first permit is due now."""
    limiters = [RateLimiter(account) for _worker in range(count)]
    Pace.objects.filter(account=account).update(next_at=Now())
    return limiters


def delays(limiter: RateLimiter, count: int) -> list[float]:
    return [limiter.take_permit() for _ in range(count)]


def test_two_workers_share_the_permits_of_an_account(account_a: ProviderAccount) -> None:
    account_a.rate = 10
    account_a.save(update_fields=["rate"])
    first, second = limiters_of(account_a, 2)
    due = sorted([*delays(first, 20), *delays(second, 20)])
    assert due == pytest.approx([number / 10 for number in range(40)])


def test_a_hold_off_is_for_every_worker(account_a: ProviderAccount, account_b: ProviderAccount) -> None:
    one, other, stranger = *limiters_of(account_a, 2), *limiters_of(account_b, 1)
    one.hold_off(20)
    assert one.take_permit() == pytest.approx(20)
    assert other.take_permit() == pytest.approx(20 + 1 / rate_limit.SHARE)
    assert stranger.take_permit() == 0


def test_a_worker_takes_no_permit_that_is_due_too_late_to_wait_for(account_a: ProviderAccount) -> None:
    """Runs that come back for their turn would always find that others, who never send, are before them."""
    account_a.rate = 0.1
    account_a.save(update_fields=["rate"])
    limiters = limiters_of(account_a, 5)
    assert delays(limiters[0], 1) == [0]
    assert [delays(each, 1)[0] for each in limiters[1:4]] == pytest.approx([10, 20, 30])
    for _try in range(3):
        with pytest.raises(RunDeferred) as deferred:
            limiters[4].take_permit()
        assert deferred.value.seconds == pytest.approx(40)


def test_unused_permits_are_lost_except_the_last_few(account_a: ProviderAccount) -> None:
    limiter = RateLimiter(account_a)
    Pace.objects.update(next_at="2020-01-01T00:00:00Z")
    account_a.rate = 1
    account_a.save(update_fields=["rate"])
    assert delays(limiter, 4) == pytest.approx([0, 0.75, 1.75, 2.75])


def test_the_outbox_stores_its_messages(account_a: ProviderAccount) -> None:
    message = Message(to="+972502000000", text="Hello", tracker="t")
    with Outbox(account_a) as outbox:
        stored = outbox.send(message)
    assert OutboxMessage.objects.get(message_id=stored.message_id).text == "Hello"
    account_a.failure_rate = 1
    with Outbox(account_a) as outbox, pytest.raises(Refused):
        outbox.send(message)
