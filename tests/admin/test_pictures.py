"""The pictures of the operator's home: true to the figures, readable without colour, and in both directions."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.utils import translation
from pytest_django import DjangoAssertNumQueries

from runs.admin.charts import format_short, format_span, nice_ceiling, time_ticks
from runs.admin.pictures import draw_pictures, pictures_context
from runs.models import Business, DailyOutcome, DailySpan, Measure
from runs.readers.figures import fetch_days, find_quantile
from runs.states import ErrorCode, Status
from tests.cast import MakeRun

pytestmark = pytest.mark.django_db


def add_day(ago: int, status: Status, runs: int, *, code: str = "", bucket: int | None = None) -> None:
    day = fetch_days(ago + 1)[0]
    DailyOutcome.objects.create(
        day=day, run_type="counting", status=status, error_code=code, runs=runs, items=10 * runs, unknown=0
    )
    if bucket is not None:
        for measure in Measure:
            DailySpan.objects.create(day=day, run_type="counting", measure=measure, bucket=bucket, runs=runs)


def render(language: str = "en") -> str:
    with translation.override(language):
        return render_to_string("admin/runs/pictures.html", pictures_context(RequestFactory().get("/admin/")))


def row_of(page: str, picture: str, heading: str) -> list[str]:
    """The cells of a row of the picture's table, without tags."""
    section = page.partition(f'id="picture-{picture}"')[2].partition("</section>")[0]
    row = re.search(rf'<th scope="row">{heading}</th>(.*?)</tr>', section, re.DOTALL)
    assert row, heading
    return re.findall(r"<td>(?:<a [^>]*>)?(.*?)(?:</a>)?(?:<svg.*?)?</td>", row[1], re.DOTALL)


def test_each_picture_has_its_numbers_as_a_table() -> None:
    add_day(0, Status.COMPLETED, 1200, bucket=24)  # up to 64 s
    add_day(0, Status.FAILED, 30, code=ErrorCode.STALE)
    add_day(2, Status.FAILED, 4, code=ErrorCode.STALE)
    add_day(31, Status.FAILED, 99, code=ErrorCode.EXCEPTION)  # too long ago
    page = render()
    today, earlier = (f"{day.day} {day:%b}" for day in (fetch_days(1)[0], fetch_days(3)[0]))
    assert row_of(page, "outcomes", today) == ["1,200", "30", "0"]
    assert row_of(page, "outcomes", earlier) == ["0", "4", "0"]
    assert row_of(page, "reasons", "No heartbeat") == ["34"]
    assert "Error in the program" not in page
    assert row_of(page, "duration", today) == ["59 s", "1.1 min"]
    assert row_of(page, "wait", earlier) == ["–", "–"]
    assert row_of(page, "items", today) == ["12,300"]
    assert page.count('role="img"') == 4
    assert page.count("<title>") == 4 * 30, "a pointer over a day shows its numbers"


def test_series_differ_by_pattern_line_and_mark_and_not_by_colour_alone() -> None:
    add_day(0, Status.COMPLETED, 3, bucket=24)
    page = render()
    assert {"picture-stripes", "picture-dots"} <= set(re.findall(r'<pattern id="([^"]+)"', page))
    for name in ("picture-completed", "picture-failed", "picture-cancelled", "picture-median-mark", "picture-p95-mark"):
        assert f'class="{name}"' in page


def test_from_right_to_left_the_newest_day_is_at_the_left() -> None:
    add_day(0, Status.COMPLETED, 3)
    bar = re.compile(r'<path class="picture-completed" d="M(\d+\.\d) ')
    left_to_right, right_to_left = (float(bar.findall(render(language))[0]) for language in ("en", "he"))
    assert right_to_left < 30 < 300 < left_to_right


def test_a_number_of_failures_leads_to_the_runs_behind_it(
    client: Client, staff: User, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, Status.FAILED, error_code=ErrorCode.STALE)
    make_run(business_a, Status.COMPLETED)
    add_day(0, Status.FAILED, 1, code=ErrorCode.STALE)
    [link] = re.findall(r'<td><a href="([^"]+)">1</a>', render())
    client.force_login(staff)
    page = client.get(unescape(link))
    assert page.status_code == 200
    assert f"/{run.pk}/change/" in page.content.decode()


def test_without_a_run_it_says_so() -> None:
    page = render()
    assert "No run has ended yet." in page
    assert "<table" not in page


def test_it_costs_three_queries_and_half_a_minute_none(
    business_a: Business, make_run: MakeRun, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    add_day(0, Status.COMPLETED, 3, bucket=0)
    with django_assert_num_queries(3):
        first = render()
    add_day(0, Status.CANCELLED, 1)
    with django_assert_num_queries(0):
        assert render() == first
    cache.clear()
    with django_assert_num_queries(3):
        assert len(draw_pictures()) == 5


@pytest.mark.parametrize(
    ("counted", "share", "seconds"),
    [({0: 1}, 1.0, 1), ({24: 100}, 1.0, 64), ({0: 90, 24: 10}, 0.9, 1), ({24: 1, 25: 1}, 0.5, 64)],
)
def test_a_quantile_lies_in_the_bucket_that_it_was_counted_in(
    counted: dict[int, int], share: float, seconds: float
) -> None:
    assert find_quantile(counted, share) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (nice_ceiling(0), 1),
        (nice_ceiling(3), 4),
        (nice_ceiling(41), 100),
        (nice_ceiling(10), 10),
        (time_ticks(0.5, 70), [0.1, 1, 10, 60, 600]),
        (time_ticks(10**7, 10**7), [86_400, 864_000]),
        (format_short(2_500_000), "2.5M"),
        (format_span(0.26), "0.3 s"),
        (format_span(timedelta(hours=30).total_seconds()), "1.2 d"),
    ],
)
def test_scales_end_at_round_values(found: Any, expected: Any) -> None:
    assert found == expected
