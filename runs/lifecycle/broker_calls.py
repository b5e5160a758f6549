"""Ask something of the broker, for a bounded time.

A message is a hint and may be missing, so nothing may wait for it: kombu tries a broadcast over a broken
connection again without an end, a name is resolved for as long as its server likes, and no timeout of a
socket bounds all of them together.
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

_overdue: list[Thread] = []  # calls that were given up and still hang


def call_broker(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The call's result, or what it raised.

    Raises `BrokerAway` after `RUNS_BROKER_SECONDS`, and at once while an earlier call still hangs. A call that
    was given up may still get through later: a second message finds nothing to claim.
    """
    _overdue[:] = [thread for thread in _overdue if thread.is_alive()]
    if _overdue:
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
        _overdue.append(thread)
        raise BrokerAway
    return outcome.result()
