"""Call the broker for a bounded time.

A message is a hint and may be lost, so nobody may wait long for it. But kombu repeats a broadcast over a broken
connection without an end, resolving a name may take as long as its server likes, and no timeout of a socket bounds all
of them together.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from threading import Thread
from typing import ParamSpec, TypeVar

from django.conf import settings

from ..exceptions import BrokerAway

P = ParamSpec("P")
T = TypeVar("T")

hanging_calls: list[Thread] = []  # given up by their callers and not finished; tests wait until it is empty


def call_broker(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The call's result, or what it raised.

    Raises `BrokerAway` after `RUNS_BROKER_SECONDS`, and at once while an earlier call still hangs. A call that
    was given up may still get through later: a second message finds nothing to claim.
    """
    hanging_calls[:] = [thread for thread in hanging_calls if thread.is_alive()]
    if hanging_calls:
        raise BrokerAway
    outcome: Future[T] = Future()

    def set_outcome() -> None:
        try:
            outcome.set_result(call(*args, **kwargs))
        except BaseException as error:
            outcome.set_exception(error)

    # With the caller's context: the request's id goes along with the message into the worker's log.
    thread = Thread(target=copy_context().run, args=(set_outcome,), name="runs-broker", daemon=True)
    thread.start()
    thread.join(settings.RUNS_BROKER_SECONDS)
    if thread.is_alive():
        hanging_calls.append(thread)
        raise BrokerAway
    return outcome.result()
