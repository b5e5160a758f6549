"""A run remembers how fast it went, in a few points however long it took."""

from __future__ import annotations

from unittest import mock

import pytest
from django.template.loader import render_to_string
from django.utils import translation

from runs.models import Business
from runs.numbers import format_rate
from runs.pages.throughput_plot import WIDTH, plot_throughput
from runs.progress import Progress
from runs.progress.throughput import POINTS, ThroughputHistory
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
    assert history.points == [[0, 0], [1.3, 12]]  # 0.3 s are too short to tell a speed


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
    assert (drawn.peak, drawn.top, drawn.seconds) == (20, 20, 4)
    assert "225.0 0.0" in drawn.lines[0]


def test_a_further_attempt_is_drawn_apart_without_the_time_between() -> None:
    history = ThroughputHistory([])
    for second in range(5):
        history.note(second, second * 10)
    resumed = ThroughputHistory(history.points)
    assert resumed.resume(45) == 4  # five items were processed after the last point
    for second in (5, 6, 7):
        resumed.note(second, 45 + (second - 4) * 20)
    assert resumed.points[5:] == [[4, 45, 1], [5, 65], [6, 85], [7, 105]]
    drawn = plot_throughput(resumed.points)
    assert drawn is not None
    assert [len(drawn.lines), len(drawn.gaps)] == [2, 1]
    assert [step.rate for step in drawn.steps] == [10, 10, 10, 10, 20, 20, 20]
    assert drawn.steps[-1].x + drawn.steps[-1].width == pytest.approx(WIDTH)
    assert drawn.steps[4].x > drawn.steps[3].x + drawn.steps[3].width


def test_a_slow_run_has_a_speed_in_words_too() -> None:
    drawn = plot_throughput([[0, 0], [600, 1], [1200, 3]])
    assert drawn is not None
    assert [step.rate_text for step in drawn.steps] == ["0.0017", "0.0033"]
    assert drawn.peak_text == "0.0033"
    page = render_to_string("runs/throughput.html", {"plot": drawn, "run": {"about": {"unit": "calls"}}})
    assert "At most 0.0033 calls a second" in page
    assert [page.count(rate) for rate in ("0.0017<", "0.0033<")] == [2, 2]  # on hovering, and in the table
    with translation.override("de"):
        assert drawn.peak_text == "0,0033"


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0.0, "0"), (0.00001234, "0.000012"), (0.996, "1"), (3.0, "3"), (3.14, "3.1"), (47.1, "47"), (12_345.6, "12,000")],
)
def test_a_rate_is_written_with_two_digits(rate: float, text: str) -> None:
    assert format_rate(rate) == text


def test_no_speed_is_drawn_from_a_last_moment() -> None:
    drawn = plot_throughput([[0, 0], [1, 10], [2, 20], [2.1, 40]])
    assert drawn is not None
    assert [step.rate for step in drawn.steps] == [10, 10]


def test_many_attempts_leave_room_for_their_points() -> None:
    points: list[list[float]] = []
    for attempt in range(200):
        history = ThroughputHistory(points)
        began = history.resume(attempt * 30)
        for second in (1, 2, 3):
            history.note(began + second, attempt * 30 + second * 10, last=second == 3)
        points = history.points
    assert len(points) <= POINTS + 1
    assert plot_throughput(points) is not None
