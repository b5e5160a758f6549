"""A stop that was accepted is applied, even when it is requested while the run is leaving its worker."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import count
from typing import Any

import pytest
from django.db import connection

from runs.exceptions import WrongStatus
from runs.models import Business, Run
from runs.models.audit import SYSTEM, Actor
from runs.progress import Progress
from runs.states import Status, StopRequest
from tests.actors import claim_counting, read_run, start_counting, work_through
from tests.contract.models import CountingRun
from tests.sessions import is_any_session_waiting
from tests.workers import until

pytestmark = pytest.mark.django_db(transaction=True)

RequestStop = Callable[[Run, Any], None]
STOP_REQUESTS = pytest.mark.parametrize(
    ("request_stop", "expected"), [(Run.cancel, Status.CANCELLED), (Run.pause, Status.PAUSED)]
)


@STOP_REQUESTS
@pytest.mark.parametrize("leaving", [Status.QUEUED, Status.PAUSED])
def test_a_stop_that_is_requested_after_the_last_flush(
    business_a: Business, request_stop: RequestStop, expected: Status, leaving: Status
) -> None:
    run = claim_counting(business_a)
    request_stop(read_run(run), SYSTEM)  # the worker, on its way out for another reason, has not seen it
    Progress(run).leave(leaving)
    left = read_run(run)
    assert (left.status, left.requested) == (expected, "")
    assert (left.finished_at is not None) == (expected == Status.CANCELLED)


@pytest.mark.parametrize(
    ("request_stop", "reason"),
    [
        (Run.cancel, "asked to cancel"),
        (Run.pause, "asked to pause"),
        (partial(Run.cancel, reason="The wrong list"), "The wrong list"),
    ],
)
def test_a_stop_is_recorded_as_done_by_whoever_asked_for_it(
    business_a: Business, request_stop: Callable[[Run, Actor], None], reason: str
) -> None:
    def work(run: CountingRun, progress: Progress) -> None:
        request_stop(read_run(run), Actor("person", "dana", 7))
        progress.report()
        for _ in progress.track(range(3)):
            pass

    run = work_through(start_counting(business_a), work)
    context = run.events.order_by("pgh_id").last().pgh_context
    assert (context["actor"]["name"], context["reason"]) == ("dana", reason)


@STOP_REQUESTS
@pytest.mark.parametrize("statement", range(4))
def test_a_stop_that_is_requested_while_a_lost_run_is_reclaimed(
    business_a: Business, request_stop: RequestStop, expected: Status, statement: int
) -> None:
    """From another session, which may have to wait for the end of the transaction."""
    run = claim_counting(business_a)
    as_it_was = read_run(run)
    statements = count()

    def request_elsewhere() -> bool:
        try:
            request_stop(as_it_was, SYSTEM)
        except WrongStatus:
            return False
        finally:
            connection.close()
        return True

    def request_meanwhile(execute: Callable[..., Any], *sql: Any) -> Any:
        if next(statements) == statement:
            requests.append(sessions.submit(request_elsewhere))
            until(lambda: requests[0].done() or is_any_session_waiting())
        return execute(*sql)

    requests: list[Future[bool]] = []
    with ThreadPoolExecutor(1) as sessions:
        with connection.execute_wrapper(request_meanwhile):
            CountingRun.objects.filter(pk=run.pk).reclaim()
        accepted = requests[0].result(10)
    assert read_run(run).status == (expected if accepted else Status.QUEUED)
    assert accepted or expected == Status.PAUSED, "what is queued can be cancelled, though not paused"


def test_a_cancel_of_what_has_gone_back_to_the_queue_meanwhile(business_a: Business) -> None:
    run = claim_counting(business_a)
    as_it_was = read_run(run)
    Progress(run).leave(Status.QUEUED)
    as_it_was.cancel(SYSTEM)
    assert read_run(run).status == Status.CANCELLED


def test_a_cancel_is_not_overwritten_by_a_machine(business_a: Business) -> None:
    run = claim_counting(business_a)
    run.cancel(SYSTEM)
    CountingRun.objects.filter(pk=run.pk).request_stop(StopRequest.INTERRUPT, actor=None)
    assert read_run(run).requested == StopRequest.CANCEL
