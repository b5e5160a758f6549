"""The list of runs: filters, pages, and as many queries for fifty runs as for one."""

from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from receipts.models import ReceiptSyncRun
from runs.api.run_pages import NewestRuns
from runs.drill.models import DrillRun
from runs.models import Business, Membership
from runs.readers.run_list import RunFilter, RunPosition, compile_list, list_shape
from tests.cast import MakeRun
from tests.contract.models import CountingRun


def ids(response: Any) -> list[int]:
    return [run["id"] for run in response.json()["results"]]


@pytest.fixture
def history(business_a: Business, make_run: MakeRun) -> list[int]:
    """Five finished runs, newest first."""
    return [make_run(business_a, "completed").pk for _ in range(5)][::-1]


def test_the_newest_come_first(as_member_a: APIClient, history: list[int]) -> None:
    response = as_member_a.get("/api/runs/")
    assert ids(response) == history
    assert list(response.json()) == ["next", "previous", "results"]


@pytest.mark.parametrize("name", ["pk", "slug"])
def test_a_business_is_named_by_id_or_slug_and_an_id_has_priority(
    as_member_a: APIClient, member_a: User, business_a: Business, make_run: MakeRun, name: str
) -> None:
    other = Business.objects.create(name="Another", slug=str(business_a.pk))
    Membership.objects.create(user=member_a, business=other)
    mine, _others = make_run(business_a), make_run(other)
    assert ids(as_member_a.get("/api/runs/", {"business": getattr(business_a, name)})) == [mine.pk]


@pytest.mark.parametrize("business", ["business-b", "no-such", "0", str(10**30), "9" * 190, "א"])
def test_a_foreign_or_unknown_business_is_404(as_member_a: APIClient, business_b: Business, business: str) -> None:
    assert as_member_a.get("/api/runs/", {"business": business}).status_code == 404
    assert as_member_a.get("/api/runs/", {"business": business_b.pk}).status_code == 404


def test_status_and_active_choose(as_member_a: APIClient, business_a: Business, make_run: MakeRun) -> None:
    done, running = make_run(business_a, "completed"), make_run(business_a, "running")
    for query, found in {
        "status=completed": [done.pk], "status=running": [running.pk], "status=paused": [],
        "active=true": [running.pk], "active=false": [done.pk], "type=counting": [running.pk, done.pk],
        "active=true&status=completed": [],
    }.items():  # fmt: skip
        assert ids(as_member_a.get(f"/api/runs/?{query}")) == found, query


def test_an_overdue_run_is_listed_among_the_failed(
    as_member_a: APIClient, business_a: Business, make_run: MakeRun
) -> None:
    dead = make_run(business_a, "running", silent_for=301)
    assert ids(as_member_a.get("/api/runs/?status=running")) == []
    assert ids(as_member_a.get("/api/runs/?status=failed")) == [dead.pk]


@pytest.mark.parametrize(
    ("query", "field"),
    [("type=x", "type"), ("type=", "type"), ("status=x", "status"), ("active=x", "active"), ("status=%00", "status"),
     ("business=%00", "business"), ("business=", "business"), (f"business={'x' * 300}", "business"),
     ("cursor=x", "cursor"), ("cursor=cD14", "cursor"), ("cursor=%D7%90", "cursor"), ("cursor=cj0x", "cursor"),
     ("cursor=cD0yMDI2LTAxLTAxK3gr", "cursor"), ("cursor=cD0yMDI2LTAxLTAxVDAwOjAwOjAwK3grMQ%3D%3D", "cursor")],
)  # fmt: skip
def test_invalid_fields_are_named(as_member_a: APIClient, history: list[int], query: str, field: str) -> None:
    response = as_member_a.get(f"/api/runs/?{query}")
    assert response.status_code == 400
    assert response.json()["errors"][0]["attr"] == field


HOSTILE_PLACES = [
    "0001-01-01T00:00:00+23:59 counting 1",  # before the first year, seen from UTC
    "9999-12-31T23:59:59-23:59 counting 1",
    "9999-12-31T23:59:59.999999-00:01 counting 1",
    "2026-01-01T00:00:00 counting 1",
    f"2026-01-01T00:00:00+00:00 counting {'9' * 5000}",
    "2026-01-01T00:00:00+00:00 counting 1e3",
    "2026-13-01T00:00:00+00:00 counting 1",
    "+10000-01-01T00:00:00+00:00 counting 1",
    "2026-01-01T00:00:00+00:00 counting",
    "2026-01-01T00:00:00+00:00 counting 1 1",
    "",
]
# Nobody has made them, but they are places: nothing is there, and nothing breaks.
STRANGE_PLACES = [
    "0001-01-01T00:00:00+00:00 counting 1",
    "9999-12-31T23:59:59+00:00 recording 1",
    f"2026-01-01T00:00:00+00:00 counting {2**63}",
    f"2026-01-01T00:00:00+00:00 counting {-(2**63) - 1}",
    f"2026-01-01T00:00:00+00:00 counting {'9' * 4000}",
    "2026-01-01T00:00:00+00:00 no_such_type 1",
]


def cursor(position: str, more: str = "") -> str:
    return b64encode(f"{more}p={quote(position)}".encode()).decode()


@pytest.mark.parametrize("more", ["", "r=1&", "o=1000&"])
@pytest.mark.parametrize("place", HOSTILE_PLACES)
def test_a_cursor_outside_the_calendar_is_an_error(
    as_member_a: APIClient, history: list[int], place: str, more: str
) -> None:
    response = as_member_a.get("/api/runs/", {"cursor": cursor(place, more)})
    assert (response.status_code, response.json()["errors"][0]["attr"]) == (400, "cursor")


@pytest.mark.parametrize("more", ["", "r=1&", "o=1000&"])
@pytest.mark.parametrize("place", STRANGE_PLACES)
def test_a_cursor_to_a_missing_row_continues_there(
    as_member_a: APIClient, history: list[int], place: str, more: str
) -> None:
    assert as_member_a.get("/api/runs/", {"cursor": cursor(place, more)}).status_code == 200


@pytest.mark.parametrize("path", ["/api/receipts/", "/api/recordings/"])
@pytest.mark.parametrize("position", [2**63, -(2**63) - 1, "9" * 4000, "9" * 5000, "x", "1.5", "", "nan", "\u0663"])
def test_a_random_cursor_gives_a_page_or_an_error(
    as_member_a: APIClient, business_a: Business, path: str, position: object
) -> None:
    response = as_member_a.get(path, {"business": business_a.slug, "cursor": cursor(str(position))})
    assert response.status_code == 200 or response.json()["errors"][0]["attr"] == "cursor"


@pytest.mark.parametrize("size", ["0", "-1", "x", "", "1.5", "9" * 5000, "null"])
def test_an_invalid_page_size_is_an_error(as_member_a: APIClient, history: list[int], size: str) -> None:
    response = as_member_a.get("/api/runs/", {"page_size": size})
    assert (response.status_code, response.json()["errors"][0]["attr"]) == (400, "page_size")


def test_a_page_has_the_requested_size(as_member_a: APIClient, history: list[int]) -> None:
    assert ids(as_member_a.get("/api/runs/?page_size=2")) == history[:2]
    assert ids(as_member_a.get(f"/api/runs/?page_size={10**9}")) == history


# Pages


def test_pages_have_every_run_once_even_while_new_ones_start(
    as_member_a: APIClient, business_a: Business, make_run: MakeRun, history: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NewestRuns, "page_size", 2)
    page = as_member_a.get("/api/runs/")
    seen = ids(page)
    assert page.json()["previous"] is None
    make_run(business_a, "completed")
    while following := page.json()["next"]:
        page = as_member_a.get(following)
        seen += ids(page)
    assert seen == history


def test_pages_lead_back_as_well(as_member_a: APIClient, history: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NewestRuns, "page_size", 2)
    second = as_member_a.get(as_member_a.get("/api/runs/").json()["next"])
    first = as_member_a.get(second.json()["previous"])
    assert ids(first) == history[:2]
    assert first.json()["previous"] is None
    assert ids(as_member_a.get(first.json()["next"])) == history[2:4]


@pytest.mark.parametrize("is_same_moment", [False, True])
def test_types_are_merged_by_time(
    as_member_a: APIClient,
    business_a: Business,
    history: list[int],
    monkeypatch: pytest.MonkeyPatch,
    is_same_moment: bool,
) -> None:
    """There and back again. Runs of the same moment are ordered by type."""
    monkeypatch.setattr(NewestRuns, "page_size", 2)
    for pk in history:
        created_at = CountingRun.objects.get(pk=pk).created_at + timedelta(microseconds=1)
        DrillRun.objects.create(business=business_a, steps=0, status="completed")
        DrillRun.objects.filter(pk=DrillRun.objects.latest("pk").pk).update(created_at=created_at)
    if is_same_moment:
        for model in (CountingRun, DrillRun):
            model.objects.update(created_at=CountingRun.objects.earliest().created_at)
    expected = sorted([*CountingRun.objects.all(), *DrillRun.objects.all()], key=RunPosition.of, reverse=True)
    pages = [as_member_a.get("/api/runs/").json()]
    while pages[-1]["next"]:
        pages.append(as_member_a.get(pages[-1]["next"]).json())
    there = [(run["type"], run["id"]) for page in pages for run in page["results"]]
    assert there == [(run.slug, run.pk) for run in expected]
    page, back = pages[-1], [pages[-1]]
    while page["previous"]:
        page = as_member_a.get(page["previous"]).json()
        back.append(page)
    assert [(run["type"], run["id"]) for page in reversed(back) for run in page["results"]] == there


def test_runs_of_the_same_moment_are_all_listed(
    as_member_a: APIClient, history: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NewestRuns, "page_size", 2)
    CountingRun.objects.update(created_at=CountingRun.objects.earliest().created_at)
    second = as_member_a.get(as_member_a.get("/api/runs/").json()["next"])
    assert ids(second) == history[2:4]


def test_the_number_of_queries_is_constant(
    as_member_a: APIClient, business_a: Business, make_run: MakeRun, history: list[int]
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            as_member_a.get("/api/runs/")
        return len(captured)

    few = queries()
    for _ in range(20):
        make_run(business_a, "completed")
    assert queries() == few == 2  # the token with its user, and the runs of all types together


def test_a_business_without_many_runs_is_never_searched_for_among_those_of_all(
    member_a: User, business_a: Business, make_sync_run: MakeRun
) -> None:
    """As PostgreSQL chose where it took all businesses for equally large."""
    make_sync_run(business_a, "completed")
    shape = list_shape(RunFilter((ReceiptSyncRun,), business_a.pk, member_a.pk), None, newer=False)
    values = {"business": business_a.pk, "member": member_a.pk, "limit": 50}
    query = compile_list(shape)
    explain = replace(query, sql=f"EXPLAIN {query.sql}")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        assert "receiptsyncrun_newest" in str(explain.fetch(values))
        cursor.execute("DROP INDEX receiptsyncrun_newest")  # no other index has the order
        assert "receiptsyncrun_created" not in str(explain.fetch(values))
