"""A run whose source stays away, or asks for a long wait, waits in the queue, without a worker, and then goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import pytest
from pytest_django import Settings

from recordings.collection.collect import collect
from recordings.models import RecordingRun, Source
from runs.lifecycle import dispatch
from runs.models import Business
from tests.actors import work_through
from tests.telephony import (
    collect_source,
    exchange_name,
    folder_source,
    make_served_call,
    outcomes_by_key,
    serve_twilio,
    twilio_source,
    wav,
)
from tests.waits import is_waiting_in_queue, work_on_after_wait, work_on_until_it_ends

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stopped_clock")]

BUSY = "The provider asks us to wait."
NOT_REACHED = "The provider can't be reached."


@pytest.fixture(autouse=True)
def _in_haste(settings: Settings) -> Any:
    settings.RUNS_MAX_WAIT_IN_SLOT_SECONDS = 0.5
    with mock.patch("recordings.sources.retries.MAX_PAUSE_SECONDS", 0.01) as patched:
        yield patched


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    folder = tmp_path / "exchange"
    folder.mkdir()
    settings.RECORDINGS_FOLDERS = [str(tmp_path)]
    (folder / exchange_name(1)).write_bytes(wav(mark=1))
    return folder


@pytest.fixture
def source(business_a: Business, folder: Path) -> Source:
    """An exchange's folder that was read before."""
    source = folder_source(business_a, folder)
    assert collect_source(source).status == "completed"
    return source


def start(source: Source) -> RecordingRun:
    return dispatch.start(RecordingRun, source.business, source=source, job_type="download")


def test_an_exchange_that_is_away_occupies_no_slot_and_is_waited_for(source: Source, folder: Path) -> None:
    (folder / exchange_name(2)).write_bytes(wav(mark=2))
    away = folder.rename(folder.with_name("away"))
    reason = f"There is no folder {folder} on the worker's machine."
    run = work_through(start(source), collect)
    assert is_waiting_in_queue(run, reason)
    run = work_on_after_wait(run, collect)
    assert is_waiting_in_queue(run, reason)
    away.rename(folder)
    end = work_on_after_wait(run, collect)
    assert (end.status, end.succeeded, end.skipped, end.losses) == ("completed", 1, 1, 0)
    assert "unreachable_seconds" not in end.cursor


def test_after_the_longest_wait_over_all_attempts_the_run_fails(
    source: Source, folder: Path, settings: Settings
) -> None:
    settings.RECORDINGS_AWAY_SECONDS = 200
    folder.rename(folder.with_name("away"))
    run = work_on_until_it_ends(start(source), collect)
    assert (run.status, run.error_code, run.losses) == ("failed", "unreachable", 0)
    assert 5 < run.attempt < 15


def test_a_provider_that_goes_away_on_the_way_is_tried_once_an_attempt_and_costs_no_recording(
    business_a: Business, settings: Settings
) -> None:
    tries: list[httpx.Request] = []
    real, is_away = httpx.Client.send, [True]

    def send(self: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        if is_away and calls[1].sid in request.url.path and request.url.path.endswith(".wav"):
            tries.append(request)
            raise httpx.ConnectError("refused")
        return real(self, request, **options)

    calls = [make_served_call(n) for n in range(3)]
    with serve_twilio(settings, calls) as server, mock.patch.object(httpx.Client, "send", send):
        run = work_through(start(twilio_source(business_a)), collect)
        assert is_waiting_in_queue(run, NOT_REACHED)
        done = [key for key, outcome in outcomes_by_key(run).items() if outcome == ("done", "")]
        assert (run.processed, len(done)) == (1, 1)
        tries.clear()
        run = work_on_after_wait(run, collect)
        assert is_waiting_in_queue(run, NOT_REACHED)
        assert (len(tries), run.processed) == (1, 1)
        is_away.clear()
        end = work_on_after_wait(run, collect)
    assert (end.status, end.succeeded, end.failed, end.losses) == ("completed", 3, 0, 0)
    assert {server.fetched[each.sid] for each in calls} == {1}


def test_a_limit_of_a_minute_leaves_the_slot(business_a: Business, settings: Settings) -> None:
    limited = make_served_call(1, mishaps=[(429, {"Retry-After": "60"})])
    with serve_twilio(settings, [limited, make_served_call(2)]):
        run = work_through(start(twilio_source(business_a)), collect)
        assert is_waiting_in_queue(run, BUSY)
        assert run.wait_left == pytest.approx(60, abs=20)
        end = work_on_after_wait(run, collect)
    assert (end.status, end.succeeded, end.failed) == ("completed", 2, 0)


def test_a_provider_that_always_asks_for_a_long_wait_leaves_the_run_to_be_retried(
    business_a: Business, settings: Settings
) -> None:
    settings.RECORDINGS_AWAY_SECONDS = 200
    limited = make_served_call(1, mishaps=[(429, {"Retry-After": "60"})] * 50)
    with serve_twilio(settings, [limited]):
        run = work_on_until_it_ends(start(twilio_source(business_a)), collect)
    assert (run.status, run.error_code, run.attempt) == ("failed", "unreachable", 5)


def test_short_waits_in_a_row_leave_the_slot_too(business_a: Business, settings: Settings) -> None:
    settings.RUNS_MAX_WAIT_IN_SLOT_SECONDS = 1.5
    limited = make_served_call(1, mishaps=[(429, {"Retry-After": "1"})] * 3)
    with serve_twilio(settings, [limited]):
        run = work_through(start(twilio_source(business_a)), collect)
        assert is_waiting_in_queue(run, BUSY)
        assert work_on_until_it_ends(run, collect).status == "completed"
