"""A worker looks for a broker that is away every few seconds, however long it has been away."""

from __future__ import annotations

import pytest
from celery.worker import state
from celery.worker.consumer import consumer as celery_consumer
from kombu import Connection
from kombu.utils import functional

from progress_project.celery import app
from progress_project.consumer import RECONNECT_SECONDS, Consumer

ATTEMPTS = 20


def test_it_never_waits_longer_than_three_seconds_between_two_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def note_attempt(*args: object) -> None:
        waits.append(0)
        if len(waits) == ATTEMPTS:
            monkeypatch.setattr(state, "should_stop", 0)  # as by SIGTERM

    def note_pause(seconds: float) -> None:
        waits[-1] += seconds

    monkeypatch.setattr(celery_consumer, "error", note_attempt)
    monkeypatch.setattr(functional, "sleep", note_pause)
    consumer = Consumer.__new__(Consumer)  # what starts it isn't needed here
    consumer.app = app
    with pytest.raises(SystemExit):
        consumer.ensure_connected(Connection("redis://127.0.0.1:1/0"))
    assert 2 <= max(waits) <= RECONNECT_SECONDS
