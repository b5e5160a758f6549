"""Items of a run, page by page and as a file."""

import csv
import io
from typing import Any, cast

import pytest
from django.utils import translation
from rest_framework.test import APIClient

from recordings.stored_messages import PROVIDER_ERROR
from runs.api.pagination import OldestFirst
from runs.models import Business
from tests.cast import MakeRun
from tests.contract.models import CountedNumber, CountingRun


@pytest.fixture
def run(business_a: Business, make_run: MakeRun) -> CountingRun:
    run = make_run(business_a, "completed", failed_items=3)
    CountedNumber.objects.create(run=run, key="1:9", status="done", title="קבלה, =בע״מ")
    return cast("CountingRun", run)


def url(run: CountingRun) -> str:
    return f"/api/runs/counting/{run.pk}/items/"


def parse_csv(response: Any) -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_an_item_shows_the_common_fields_and_its_types_own(as_member_a: APIClient, run: CountingRun) -> None:
    assert list(as_member_a.get(url(run)).json()["results"][0]) == [
        "id", "key", "status", "error_code", "error_message", "attempts", "about", "title"
    ]  # fmt: skip


def test_a_status_chooses(as_member_a: APIClient, run: CountingRun) -> None:
    results = as_member_a.get(url(run), {"status": "failed"}).json()["results"]
    assert [item["key"] for item in results] == ["1:1", "1:2", "1:3"]


def test_pages_follow_each_other(as_member_a: APIClient, run: CountingRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OldestFirst, "page_size", 3)
    first = as_member_a.get(url(run)).json()
    second = as_member_a.get(first["next"]).json()
    assert [item["key"] for item in first["results"] + second["results"]] == ["1:1", "1:2", "1:3", "1:9"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [("status=x", "status"), ("format=xml", "format"), ("cursor=x", "cursor"), ("cursor=cD14", "cursor"),
     ("cursor=cD0lMDA%3D", "cursor")],
)  # fmt: skip
def test_what_makes_no_sense_is_named(as_member_a: APIClient, run: CountingRun, query: str, field: str) -> None:
    answer = as_member_a.get(f"{url(run)}?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, field)


def test_a_cursor_beyond_every_number_finds_nothing(as_member_a: APIClient, run: CountingRun) -> None:
    cursor = "cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"  # p=9999…
    assert as_member_a.get(url(run), {"cursor": cursor}).json()["results"] == []


def test_csv_holds_all_that_match(as_member_a: APIClient, run: CountingRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs.api.export.BATCH", 2)
    answer = as_member_a.get(url(run), {"format": "csv"})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="counting-{run.pk}.csv"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert [row["key"] for row in parse_csv(answer)] == ["1:1", "1:2", "1:3", "1:9"]
    assert len(parse_csv(as_member_a.get(url(run), {"format": "csv", "status": "failed"}))) == 3


def test_errors_in_csv_are_in_the_readers_language(as_member_a: APIClient, run: CountingRun) -> None:
    CountedNumber.objects.filter(key="1:9").update(error_message=PROVIDER_ERROR % {"status": 503})
    answer = as_member_a.get(url(run), {"format": "csv"}, HTTP_ACCEPT_LANGUAGE="he")
    with translation.override("en"):  # another request's, by the time that the file is sent
        assert parse_csv(answer)[-1]["error_message"] == "הספק השיב בשגיאה (503)."


@pytest.mark.parametrize("title", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1"])
def test_no_cell_can_be_run_by_a_spreadsheet(as_member_a: APIClient, run: CountingRun, title: str) -> None:
    CountedNumber.objects.filter(key="1:9").update(title=title)
    row = parse_csv(as_member_a.get(url(run), {"format": "csv"}))[-1]
    assert row["title"] == f"'{title}"


def test_csv_quotes_a_comma_and_keeps_hebrew(as_member_a: APIClient, run: CountingRun) -> None:
    assert parse_csv(as_member_a.get(url(run), {"format": "csv"}))[-1]["title"] == "קבלה, =בע״מ"
