"""Recording runs and calls over HTTP: start, watch, list, search, read, listen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from recordings.models import Call, Recording, RecordingRun, Source
from runs.models import Business
from tests.telephony import NOON, find_calls, folder_source

START = "/api/recordings/runs/"
LIST = "/api/recordings/"
CONTENT = bytes(range(256)) * 4

pytestmark = pytest.mark.django_db


@pytest.fixture
def source_a(business_a: Business) -> Source:
    return folder_source(business_a, Path("/nowhere"))


@pytest.fixture
def source_b(business_b: Business) -> Source:
    return folder_source(business_b, Path("/nowhere"))


def make_call(source: Source, number: int = 1, text: str = "", **fields: Any) -> Call:
    call = Call.objects.create(
        business=source.business,
        source=source,
        call_id=f"call-{number}",
        location="x.wav",
        number=f"050{number:07d}",
        direction="inbound",
        started_at=NOON,
        duration=12.5,
        content_type="audio/wav",
        **fields,
    )
    call.file.save(f"recordings/{call.pk}", ContentFile(CONTENT))
    if text:
        call.store_transcript([{"start": 0.5, "end": 2.0, "text": text}], "en")
    return call


# Starting


def test_a_start_is_answered_with_the_run(
    as_member_a: APIClient, business_a: Business, source_a: Source, messages: list[Any],
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    fields = {"business": business_a.slug, "from_date": "2024-11-01", "to_date": "2024-11-30", "direction": "inbound"}
    with django_capture_on_commit_callbacks(execute=True):
        response = as_member_a.post(START, fields)
    run = RecordingRun.objects.get()
    assert response.status_code == 202
    details = response.json()["details"]
    assert details.pop("about")["mode"] == "Download and transcribe · Incoming · Nov 1, 2024 – Nov 30, 2024"
    assert details == {
        "source_id": source_a.pk,
        "job_type": "full",
        "from_date": "2024-11-01",
        "to_date": "2024-11-30",
        "direction": "inbound",
        "current": "",
        "current_pct": None,
        "warnings": [],
    }
    assert messages == [("runs.work_on_queue", ["recordings"])]
    status = as_member_a.get(f"{START}{run.pk}/status/")
    assert (status.status_code, status.json()["id"], status.json()["type"]) == (200, run.pk, "recording")


def test_one_run_at_a_time(as_member_a: APIClient, business_a: Business, source_a: Source) -> None:
    first = as_member_a.post(START, {"business": business_a.pk}).json()
    second = as_member_a.post(START, {"business": business_a.pk, "job_type": "download"})
    assert (second.status_code, second.json()["run"]["id"]) == (409, first["id"])


def test_a_repeated_start_is_the_same_run(as_member_a: APIClient, business_a: Business, source_a: Source) -> None:
    answers = [
        as_member_a.post(START, {"business": business_a.pk}, headers={"Idempotency-Key": "k"}).json() for _ in range(2)
    ]
    assert answers[0]["id"] == answers[1]["id"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"job_type": "sing"}, "job_type"),
        ({"direction": "up"}, "direction"),
        ({"from_date": "2024-02-02", "to_date": "2024-02-01"}, "to_date"),
        ({"from_date": "yesterday"}, "from_date"),
        ({"from_date": "0001-01-01"}, "from_date"),
        ({"from_date": "1899-12-31"}, "from_date"),
        ({"to_date": "9999-12-31"}, "to_date"),
        ({"to_date": "3000-01-01"}, "to_date"),
        ({"source": 2**63}, "source"),
        ({"source": 999_999}, "source"),
        ({"source": "x"}, "source"),
    ],
)
def test_a_wrong_start_is_told_what_is_wrong(
    as_member_a: APIClient, business_a: Business, source_a: Source, fields: dict[str, Any], field: str
) -> None:
    response = as_member_a.post(START, {"business": business_a.pk, **fields})
    assert response.status_code == 400
    assert [error["attr"] for error in response.json()["errors"]] == [field]
    assert not RecordingRun.objects.exists()


def test_a_source_of_another_business_does_not_exist(
    as_member_a: APIClient, business_a: Business, source_a: Source, source_b: Source
) -> None:
    fields = [{"business": business_a.pk, "source": pk} for pk in (source_b.pk, 999_999)]
    answers = [as_member_a.post(START, body) for body in fields]
    assert answers[0].json() == answers[1].json()


def test_without_a_source_nothing_starts(as_member_a: APIClient, business_a: Business) -> None:
    response = as_member_a.post(START, {"business": business_a.pk})
    assert response.status_code == 400
    assert "no source" in response.json()["errors"][0]["detail"]


# Reading


@pytest.mark.parametrize(
    "words",
    ["-" * 33, "- " * 33, "a " + "-" * 100, '"' * 100, '-"' * 60, "or " * 60, "--invoice -table", "\u3000-" * 60],
)
def test_no_text_breaks_a_search(as_member_a: APIClient, business_a: Business, source_a: Source, words: str) -> None:
    make_call(source_a, 1, "the invoice was paid")
    assert as_member_a.get(LIST, {"business": business_a.slug, "search": words}).status_code == 200


@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.text(st.sampled_from("-\" \u3000\u00a0\tab\u05d0or():*!&|<>\\'"), max_size=200))
def test_postgresql_understands_whatever_is_searched_for(db: None, words: str) -> None:
    assert find_calls(words) == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("invoice -table", ["call-1"]), ("invoice --table", ["call-1"]), ("invoice - table", ["call-1"]),
        ("pre-paid", ["call-1"]), ('-"table for"', ["call-1"]), ("-invoice", ["call-2"]), ("- -invoice", ["call-2"]),
    ],
)  # fmt: skip
def test_minuses_in_a_row_mean_one(
    as_member_a: APIClient, business_a: Business, source_a: Source, words: str, found: list[str]
) -> None:
    make_call(source_a, 1, "the invoice was pre-paid")
    make_call(source_a, 2, "a table for two")
    rows = as_member_a.get(LIST, {"business": business_a.slug, "search": words}).json()["results"]
    assert [row["call_id"] for row in rows] == found


@pytest.mark.parametrize("days", [{"from_date": "0001-01-01"}, {"to_date": "9999-12-31"}, {"to_date": "0001-01-01"}])
def test_days_at_the_calendars_ends_narrow_like_others(
    as_member_a: APIClient, business_a: Business, source_a: Source, days: dict[str, str]
) -> None:
    make_call(source_a, 1)
    assert as_member_a.get(LIST, {"business": business_a.slug, **days}).status_code == 200


def test_calls_are_listed_and_narrowed(as_member_a: APIClient, business_a: Business, source_a: Source) -> None:
    make_call(source_a, 1, "the invoice was paid")
    make_call(source_a, 2, "a table for two")
    Call.objects.create(business=business_a, source=source_a, call_id="not fetched", location="x")

    def listed(**query: Any) -> list[str]:
        rows = as_member_a.get(LIST, {"business": business_a.pk, **query}).json()["results"]
        return [row["call_id"] for row in rows]

    assert listed() == ["call-2", "call-1"]
    assert listed(search="invoice") == ["call-1"]
    assert listed(search='"table for"') == ["call-2"]
    assert listed(search="invoice -paid") == []
    assert listed(search="'\"&|!:*(") == []
    assert listed(direction="outbound") == []
    assert listed(from_date="2024-11-05", to_date="2024-11-05") == ["call-2", "call-1"]
    assert listed(from_date="2024-11-06") == []


def test_a_run_comes_with_its_warnings(as_member_a: APIClient, source_a: Source) -> None:
    run = RecordingRun.objects.create(business=source_a.business, source=source_a)
    run.store_left_out({"link": {"count": 2, "names": ["a", "b"]}})
    [warning] = as_member_a.get(f"{START}{run.pk}/status/").json()["details"]["warnings"]
    assert warning.endswith("were not followed: a, b")


def test_a_transcript_has_texts_and_times(as_member_a: APIClient, source_a: Source) -> None:
    call = make_call(source_a, 1, "hello there")
    row = as_member_a.get(LIST, {"business": source_a.business_id}).json()["results"][0]
    transcript = as_member_a.get(row["transcript"]).json()
    assert (transcript["id"], transcript["text"], transcript["language"]) == (call.pk, "hello there", "en")
    assert transcript["segments"] == [{"start": 0.5, "end": 2.0, "text": "hello there", "speaker": ""}]
    silent = make_call(source_a, 2)
    assert as_member_a.get(f"{LIST}{silent.pk}/transcript/").status_code == 404


# Listening


def media(call: Call) -> str:
    return f"{LIST}{call.pk}/media/"


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def test_media_is_served_whole_and_safely(as_member_a: APIClient, source_a: Source) -> None:
    response: Any = as_member_a.get(media(make_call(source_a)))
    assert (response.status_code, body(response)) == (200, CONTENT)
    assert response.headers["Content-Type"] == "audio/wav"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Content-Length"] == str(len(CONTENT))
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Disposition"] == 'inline; filename="2024-11-05-120000-inbound-0500000001.wav"'


@pytest.mark.parametrize(
    ("range_", "first", "last"),
    [("bytes=0-", 0, 1023), ("bytes=100-199", 100, 199), ("bytes=1000-9999", 1000, 1023), ("bytes=-24", 1000, 1023)],
)
def test_a_range_is_answered_with_its_bytes(
    as_member_a: APIClient, source_a: Source, range_: str, first: int, last: int
) -> None:
    response: Any = as_member_a.get(media(make_call(source_a)), headers={"Range": range_})
    assert body(response) == CONTENT[first : last + 1]
    assert response.headers["Content-Length"] == str(last - first + 1)
    assert (response.status_code, response.headers["Content-Range"]) == (206, f"bytes {first}-{last}/1024")


@pytest.mark.parametrize("range_", ["bytes=1024-", "bytes=-0"])
def test_a_range_beyond_the_end_is_answered_with_the_size(
    as_member_a: APIClient, source_a: Source, range_: str
) -> None:
    response = as_member_a.get(media(make_call(source_a)), headers={"Range": range_})
    assert (response.status_code, response.headers["Content-Range"]) == (416, "bytes */1024")


@pytest.mark.parametrize("range_", ["bytes=", "bytes=-", "bytes=a-b", "items=0-1", "bytes=0-1,5-6", "bytes=5-1" * 9])
def test_what_is_no_single_range_is_answered_with_the_whole(
    as_member_a: APIClient, source_a: Source, range_: str
) -> None:
    response: Any = as_member_a.get(media(make_call(source_a)), headers={"Range": range_})
    assert (response.status_code, body(response)) == (200, CONTENT)


def test_files_that_browsers_cannot_play_are_downloads(as_member_a: APIClient, source_a: Source) -> None:
    call = make_call(source_a)
    Call.objects.filter(pk=call.pk).update(content_type="text/html")
    response: Any = as_member_a.get(media(call))
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Disposition"].startswith("attachment;")
    body(response)


def test_a_number_cannot_break_out_of_the_file_name(as_member_a: APIClient, source_a: Source) -> None:
    call = make_call(source_a)
    Call.objects.filter(pk=call.pk).update(number='"; x=\r\nSet-Cookie: a=b/../..')
    response: Any = as_member_a.get(media(call), {"download": ""})
    assert (
        response.headers["Content-Disposition"] == 'attachment; filename="2024-11-05-120000-inbound-xSetCookieab.wav"'
    )
    body(response)


def test_a_file_missing_in_the_storage_is_not_found(as_member_a: APIClient, source_a: Source) -> None:
    call = make_call(source_a)
    call.file.storage.delete(str(call.file.name))
    assert as_member_a.get(media(call)).status_code == 404


def test_members_only(as_member_b: APIClient, anonymous: APIClient, source_a: Source) -> None:
    call = make_call(source_a, 1, "a secret")
    for path in (media(call), f"{LIST}{call.pk}/transcript/", f"{LIST}?business={source_a.business_id}"):
        assert as_member_b.get(path).status_code == 404
        assert anonymous.get(path).status_code == 401


def test_items_show_their_calls(as_member_a: APIClient, source_a: Source, django_assert_max_num_queries: Any) -> None:
    run = RecordingRun.objects.create(business=source_a.business, source=source_a)
    for number in range(5):
        call = make_call(source_a, number)
        Recording.objects.create(run=run, key=call.call_id, call=call, status="done")
    with django_assert_max_num_queries(10):
        rows = as_member_a.get(f"/api/runs/recording/{run.pk}/items/").json()["results"]
    assert [row["number"] for row in rows] == [f"050{n:07d}" for n in range(5)]
    csv: Any = as_member_a.get(f"/api/runs/recording/{run.pk}/items/?format=csv")
    assert "0500000003" in body(csv).decode()
