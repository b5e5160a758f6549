"""One pace for an account, whoever sends by it."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from broadcasts.messages import Message
from broadcasts.models import OutboxMessage, Pace, ProviderAccount
from broadcasts.pace import Pacer
from broadcasts.providers import Refused
from broadcasts.providers.outbox import Outbox

pytestmark = pytest.mark.django_db


def delays(pacer: Pacer, count: int) -> list[float]:
    return [pacer.delay() for _ in range(count)]


def moments(pacer: Pacer, count: int) -> list[float]:
    """On this process's clock, however long the asking takes."""
    return [pacer.delay() + time.monotonic() for _ in range(count)]


def test_two_workers_share_the_moments_of_an_account(account_a: ProviderAccount) -> None:
    account_a.rate = 10
    account_a.save(update_fields=["rate"])
    first, second = Pacer(account_a), Pacer(account_a)
    began = time.monotonic()
    taken = sorted([*moments(first, 20), *moments(second, 20)])
    # Forty messages at ten a second: the last one leaves about four seconds from now.
    assert taken[-1] - began == pytest.approx(3.7, abs=0.5)
    assert all(later - earlier > 0.05 for earlier, later in pairwise(taken[4:]))


def test_a_hold_is_for_everybody(account_a: ProviderAccount, account_b: ProviderAccount) -> None:
    one, other, stranger = Pacer(account_a), Pacer(account_a), Pacer(account_b)
    one.hold(30)
    assert one.delay() == pytest.approx(30, abs=1)
    assert other.delay() == pytest.approx(30, abs=1)
    assert stranger.delay() < 1


def test_moments_that_pass_unused_are_lost_but_the_last_few(account_a: ProviderAccount) -> None:
    pacer = Pacer(account_a)
    Pace.objects.update(next_at="2020-01-01T00:00:00Z")
    account_a.rate = 1
    account_a.save(update_fields=["rate"])
    assert sum(delays(pacer, 4)) == pytest.approx(0 + 1 + 2 + 3, abs=1)


def test_the_outbox_keeps_what_it_was_told_to_send(account_a: ProviderAccount) -> None:
    message = Message(to="+972502000000", text="Hello", tracker="t")
    with Outbox(account_a) as outbox:
        kept = outbox.send(message)
    assert OutboxMessage.objects.get(message_id=kept.message_id).text == "Hello"
    account_a.failure_rate = 1
    with Outbox(account_a) as outbox, pytest.raises(Refused):
        outbox.send(message)
