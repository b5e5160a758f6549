"""A run remembers how fast it went, in a few points however long it took."""

from __future__ import annotations

from unittest import mock

import pytest

from runs.models import Business
from runs.progress import Progress
from runs.progress.throughput import POINTS, ThroughputHistory, plot_throughput
from runs.states import Status
from tests.cast import MakeRun


@pytest.mark.parametrize("seconds", [30, 61, 3_600, 100_000])
def test_a_long_run_keeps_no_more_points_than_a_short_one(seconds: int) -> None:
    history = ThroughputHistory([])
    for second in range(seconds):
        history.note(second, second * 10)
    assert min(seconds, POINTS // 2) <= len(history.points) <= POINTS
    assert history.points[0] == [0, 0]
    assert history.points[-1][0] >= seconds * 0.9


def test_a_second_attempt_goes_on_where_the_first_left_off() -> None:
    first = ThroughputHistory([])
    for second in range(1_000):
        first.note(second, second)
    second_attempt = ThroughputHistory(list(first.points))
    assert not second_attempt.note(first.points[-1][0] + 1, 1_000)
    assert second_attempt.note(first.points[-1][0] + 40, 1_040)


def test_the_last_point_is_always_noted() -> None:
    history = ThroughputHistory([[0, 0], [1, 10]])
    assert not history.note(1.2, 11)
    assert history.note(1.3, 12, last=True)
    assert history.points[-1] == [1.3, 12]


@pytest.mark.django_db(transaction=True)
def test_the_flush_writes_the_points(business_a: Business, make_run: MakeRun) -> None:
    run = make_run(business_a, "running")
    with mock.patch("runs.progress.progress.time.monotonic", side_effect=(n * 0.5 for n in range(10_000))):
        progress = Progress(run)
        for _ in progress.track(range(40)):
            pass
        progress.leave(Status.COMPLETED)
    run.refresh_from_db()
    assert run.pace[-1][1] == 40
    assert len(run.pace) > 5
    assert [done for _, done in run.pace] == sorted(done for _, done in run.pace)


def test_too_few_points_arent_drawn() -> None:
    assert plot_throughput([]) is None
    assert plot_throughput([[0, 0], [1, 5]]) is None
    assert plot_throughput([[0, 0], [10, 0], [20, 0]]) is None


def test_the_drawing_has_the_highest_speed_on_top() -> None:
    drawn = plot_throughput([[0, 0], [1, 10], [2, 30], [4, 30]])
    assert drawn is not None
    assert (drawn.peak, drawn.seconds) == (20, 4)
    assert "225.0 6.0" in drawn.line
