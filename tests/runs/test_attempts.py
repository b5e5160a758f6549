"""The attempts of a run, read from its changes of status, and their place on the time line."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import translation

from runs.admin import attempt_chart
from runs.admin.attempt_chart import draw_attempts
from runs.lifecycle.dispatch import reopen
from runs.models import Business
from runs.models.audit import SYSTEM, audit_context
from runs.readers.attempts import Attempt, attempts_of
from runs.readers.timeline import events_of
from runs.states import Status
from tests.actors import read_run
from tests.cast import MakeRun
from tests.claims import claim_run
from tests.contract.models import CountingRun


@pytest.fixture
def run(business_a: Business, make_run: MakeRun) -> Any:
    """It failed after ten seconds, waited ten, was put back in the queue after ten, and runs again since ten."""
    run = make_run(business_a, "running", processed=3)
    with audit_context(SYSTEM, "exception"):
        CountingRun.objects.filter(pk=run.pk).transition_to(Status.FAILED)
    reopen(run, SYSTEM, "retried")
    claim_run(run)
    CountingRun.objects.filter(pk=run.pk).update(processed=1234)
    CountingRun.objects.filter(pk=run.pk).reclaim(SYSTEM)
    claim_run(run)
    run = read_run(run)
    events = events_of(run)
    began = run.server_now - timedelta(seconds=10 * (len(events) - 1))
    for number, event in enumerate(events):
        type(event).objects.filter(pk=event.pk).update(pgh_created_at=began + timedelta(seconds=10 * number))
    return run


def attempts(run: Any) -> list[Attempt]:
    return attempts_of(run, events_of(run))


def test_each_claim_is_an_attempt_with_the_waits_before_it(run: Any) -> None:
    found = attempts(run)
    assert [(each.number, each.left_for, each.processed) for each in found] == [
        (1, Status.FAILED, 3),
        (2, Status.QUEUED, 1234),
        (3, None, 1234),
    ]
    assert [[span.status for span in each.waits] for each in found] == [[Status.QUEUED]] * 3
    assert [str(each.reason) for each in found] == ["an error in the program", "resumed after its worker was lost", ""]
    assert [each.work and round(each.work.seconds) for each in found] == [10, 10, 0]


def test_a_run_that_waits_is_shown_waiting(business_a: Business, make_run: MakeRun) -> None:
    [waiting] = attempts(read_run(make_run(business_a)))
    assert (waiting.number, waiting.work, len(waiting.waits)) == (None, None, 1)


@pytest.mark.parametrize(("status", "outcome"), [("queued", "Queued"), ("paused", "Paused")])
def test_before_its_next_attempt_the_chart_says_in_which_status_a_run_waits(
    business_a: Business, make_run: MakeRun, status: str, outcome: str
) -> None:
    run = read_run(make_run(business_a, status))
    chart = draw_attempts(run, events_of(run))
    assert chart
    assert (chart.rows[-1].title, chart.rows[-1].outcome) == ("Next attempt", outcome)


def test_time_runs_from_the_reading_direction(run: Any) -> None:
    def starts() -> list[float]:
        chart = draw_attempts(run, events_of(run))
        assert chart
        return [float(bar.start.removesuffix("%")) for row in chart.rows for bar in row.bars]

    assert starts() == sorted(starts())
    with translation.override("he"):
        assert starts() == sorted(starts(), reverse=True)
        assert all(0 <= start <= 100 for start in starts())


def test_of_very_many_attempts_the_latest_are_drawn(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt_chart, "SHOWN", 2)
    chart = draw_attempts(run, events_of(run))
    assert chart
    assert [row.attempt.number for row in chart.rows] == [2, 3]
    assert chart.left_out == 1
    assert [(row.mark, row.processed) for row in chart.rows] == [("↻", "1,234"), ("…", "1,234")]
