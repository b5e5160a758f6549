"""A wish that was accepted is granted, also when it comes while the run is leaving its worker."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest
from django.db import connection

from runs.exceptions import WrongState
from runs.models import Business, Run
from runs.models.audit import SYSTEM
from runs.progress import Progress
from runs.states import Status, StopRequest
from tests.actors import claim_counting, seen
from tests.contract.models import CountingRun
from tests.sessions import is_anybody_waiting
from tests.workers import until

pytestmark = pytest.mark.django_db(transaction=True)

Wish = Callable[[Run, Any], None]
WISHES = pytest.mark.parametrize(("wish", "granted"), [(Run.cancel, Status.CANCELLED), (Run.pause, Status.PAUSED)])


@WISHES
@pytest.mark.parametrize("leaving", [Status.QUEUED, Status.PAUSED])
def test_a_wish_that_comes_after_the_last_flush(
    business_a: Business, wish: Wish, granted: Status, leaving: Status
) -> None:
    run = claim_counting(business_a)
    wish(seen(run), SYSTEM)  # the worker, on its way out for another reason, has not heard it
    Progress(run).leave(leaving)
    left = seen(run)
    assert (left.status, left.requested) == (granted, "")
    assert (left.finished_at is not None) == (granted == Status.CANCELLED)


@WISHES
@pytest.mark.parametrize("statement", range(4))
def test_a_wish_that_comes_while_a_dead_workers_run_is_taken_back(
    business_a: Business, wish: Wish, granted: Status, statement: int
) -> None:
    """From another session, which may have to wait for the end of the transaction."""
    run = claim_counting(business_a)
    as_it_was = seen(run)
    statements = count()

    def wish_elsewhere() -> bool:
        try:
            wish(as_it_was, SYSTEM)
        except WrongState:
            return False
        finally:
            connection.close()
        return True

    def wish_meanwhile(execute: Callable[..., Any], *sql: Any) -> Any:
        if next(statements) == statement:
            wishes.append(sessions.submit(wish_elsewhere))
            until(lambda: wishes[0].done() or is_anybody_waiting())
        return execute(*sql)

    wishes: list[Future[bool]] = []
    with ThreadPoolExecutor(1) as sessions:
        with connection.execute_wrapper(wish_meanwhile):
            CountingRun.objects.filter(pk=run.pk).reclaim()
        accepted = wishes[0].result(10)
    assert seen(run).status == (granted if accepted else Status.QUEUED)
    assert accepted or granted == Status.PAUSED, "what is queued can be cancelled, though not paused"


def test_a_cancel_of_what_has_gone_back_to_the_queue_meanwhile(business_a: Business) -> None:
    run = claim_counting(business_a)
    as_it_was = seen(run)
    Progress(run).leave(Status.QUEUED)
    as_it_was.cancel(SYSTEM)
    assert seen(run).status == Status.CANCELLED


def test_a_cancel_is_not_overwritten_by_a_machine(business_a: Business) -> None:
    run = claim_counting(business_a)
    run.cancel(SYSTEM)
    CountingRun.objects.filter(pk=run.pk).request_stop(StopRequest.INTERRUPT)
    assert seen(run).requested == StopRequest.CANCEL
