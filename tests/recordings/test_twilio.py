"""Twilio over its own wire format: every recording arrives byte-exact, once, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import pytest
from django.conf import settings as django_settings
from django.core.files.storage import default_storage
from django.db import connection
from pytest_django import Settings

from demo.fakes.twilio import SID, TOKEN, ServedCall
from recordings.collection.collect import collect
from recordings.collection.download import Download
from recordings.models import Call, RecordingRun
from recordings.sources import Period, TwilioAccount
from recordings.sources.retries import MAX_TRIES
from recordings.sources.twilio import TwilioSource
from runs.lifecycle import dispatch
from runs.models import Business
from runs.progress import Progress
from runs.readers.verdict import verdict_of
from runs.states import ErrorCode, StopRequest
from tests.actors import work_through
from tests.telephony import (
    NOON,
    collect_source,
    make_served_call,
    outcomes_by_key,
    record_flushes,
    serve_twilio,
    twilio_source,
    wav,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_pauses() -> object:
    """Without the pauses between tries, which only make tests slower."""
    with mock.patch("recordings.sources.retries.MAX_PAUSE_SECONDS", 0.01) as patched:
        yield patched


def read_stored(sid: str) -> bytes:
    with default_storage.open(str(Call.objects.get(call_id=sid).file.name)) as file:
        content: bytes = file.read()
    return content


def test_all_pages_are_listed_with_direction_and_number(business_a: Business, settings: Settings) -> None:
    calls = [make_served_call(n, number=f"+97250000{n:04d}", inbound=n % 2 == 0) for n in range(7)]
    with serve_twilio(settings, calls, page_size=3) as server:
        run = collect_source(twilio_source(business_a))
    assert (run.status, run.processed, run.succeeded) == ("completed", 7, 7)
    listed = {each.call_id: (each.direction, each.number, each.started_at) for each in Call.objects.all()}
    assert listed == {
        each.sid: ("inbound" if each.inbound else "outbound", each.number, each.started_at) for each in calls
    }
    for each in calls:
        assert read_stored(each.sid) == each.content
    assert set(server.fetched.values()) == {1}


def test_days_and_direction_narrow_the_run(business_a: Business, settings: Settings) -> None:
    days = [make_served_call(n, started_at=NOON + timedelta(days=n), inbound=n != 2) for n in range(6)]
    with serve_twilio(settings, days) as server:
        first = NOON.date()
        run = collect_source(
            twilio_source(business_a), from_date=first + timedelta(1), to_date=first + timedelta(3), direction="inbound"
        )
    assert run.total == 2
    assert set(server.fetched) == {days[1].sid, days[3].sid}


def test_listing_beats_however_little_it_finds(settings: Settings) -> None:
    beat = mock.Mock()
    account = TwilioAccount(SID, TOKEN)
    with (
        serve_twilio(settings, [make_served_call(n) for n in range(5)]),
        TwilioSource(account, wait=mock.Mock(), beat=beat) as source,
    ):
        assert list(source.list_calls(Period(), "outbound")) == []
    assert beat.call_count >= 5


def test_a_recording_whose_call_was_deleted_is_fetched_all_the_same(business_a: Business, settings: Settings) -> None:
    with serve_twilio(settings, [make_served_call(1), make_served_call(2)]) as server:
        server.call_mishaps.append((404, {}))
        run = collect_source(twilio_source(business_a))
    assert (run.status, run.succeeded) == ("completed", 2)
    assert set(Call.objects.values_list("direction", "number")) == {("", ""), ("inbound", server.calls[1].number)}


def test_recordings_that_are_not_finished_are_left_for_later(business_a: Business, settings: Settings) -> None:
    with serve_twilio(
        settings, [make_served_call(1, status="processing"), make_served_call(2, status="absent"), make_served_call(3)]
    ):
        assert collect_source(twilio_source(business_a)).total == 1


def test_a_download_is_resumed_after_a_connection_reset(business_a: Business, settings: Settings) -> None:
    broken = make_served_call(1, wav(200.0), mishaps=[("reset", 100_000 * n) for n in (3, 5, 7)])
    with serve_twilio(settings, [broken]) as server:
        run = collect_source(twilio_source(business_a))
    assert (run.status, run.succeeded) == ("completed", 1)
    assert read_stored(broken.sid) == broken.content
    assert server.fetched[broken.sid] == 4
    assert server.sent[broken.sid] < 2 * broken.size, "the received part was not requested again"


def test_a_download_is_finished_before_its_run_makes_room(business_a: Business, settings: Settings) -> None:
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0
    broken = make_served_call(1, wav(30.0), mishaps=[("reset", 200_000)])
    with serve_twilio(settings, [broken, make_served_call(2)]) as server:

        def work(run: RecordingRun, progress: Progress) -> None:
            resume = Download.resume

            def resume_once_asked(*args: Any) -> None:
                RecordingRun.objects.filter(pk=run.pk).request_stop(StopRequest.INTERRUPT, actor=None)
                resume(*args)

            with mock.patch.object(Download, "resume", resume_once_asked):
                collect(run, progress)

        run = dispatch.start(RecordingRun, business_a, source=twilio_source(business_a), job_type="download")
        run = work_through(run, work)
    assert (run.status, run.processed) == ("queued", 1)
    assert read_stored(broken.sid) == broken.content
    assert server.fetched == {broken.sid: 2}


def test_without_an_etag_a_broken_download_starts_over(business_a: Business, settings: Settings) -> None:
    broken = make_served_call(1, wav(60.0), etag="", mishaps=[("reset", 500_000)])
    with serve_twilio(settings, [broken]):
        collect_source(twilio_source(business_a))
    assert read_stored(broken.sid) == broken.content


def test_a_recording_changed_during_the_download_is_never_mixed(business_a: Business, settings: Settings) -> None:
    changing = make_served_call(1, wav(60.0), mishaps=[("reset", 300_000)])
    with serve_twilio(settings, [changing]):
        real = ServedCall.bytes_from

        def bytes_from(self: ServedCall, start: int) -> object:
            yield from real(self, start)

        def change() -> None:
            changing.content = wav(30.0, mark=9)

        run = dispatch.start(RecordingRun, business_a, source=twilio_source(business_a), job_type="download")

        def work(run: RecordingRun, progress: Progress) -> None:
            wait = progress.wait

            def changed_meanwhile(seconds: float, reason: object) -> None:
                change()
                wait(seconds, reason)

            progress.wait = changed_meanwhile  # type: ignore[method-assign]
            collect(run, progress)

        run = work_through(run, work)
    assert run.succeeded == 1
    assert read_stored(changing.sid) == wav(30.0, mark=9)


def test_a_stalled_recording_is_tried_again_and_then_failed(business_a: Business, settings: Settings) -> None:
    settings.RECORDINGS_TIMEOUT_SECONDS = 0.2
    lost = make_served_call(1, mishaps=[("stall", 1000)] * 10)
    late = make_served_call(2, mishaps=[("stall", 1000)])
    with serve_twilio(settings, [lost, late]) as server:
        run = collect_source(twilio_source(business_a))
        item = run.items.get(key=lost.sid)
    assert (run.status, run.failed, run.succeeded) == ("completed", 1, 1)
    assert (item.error_code, item.error_message) == ("unreachable", "The provider has stopped sending.")
    assert 3 <= server.fetched[lost.sid] <= 6
    assert read_stored(late.sid) == late.content


def test_a_deleted_or_soundless_recording_is_one_failed_item(business_a: Business, settings: Settings) -> None:
    calls = [
        make_served_call(1, mishaps=[(404, None)]),
        make_served_call(2, b"<html>not a recording</html>" * 10),
        make_served_call(3, b""),
        make_served_call(4, mishaps=[(500, None)] * 20),
        make_served_call(5),
    ]
    with serve_twilio(settings, calls) as server:
        run = collect_source(twilio_source(business_a))
    assert (run.status, run.failed, run.succeeded) == ("completed", 4, 1)
    codes = [outcomes_by_key(run)[each.sid] for each in calls]
    assert codes == [
        ("failed", "gone"), ("failed", "not_audio"), ("failed", "empty"), ("failed", "unreachable"), ("done", ""),
    ]  # fmt: skip
    assert server.fetched[calls[3].sid] == 4


def test_a_length_beyond_a_day_is_ignored(business_a: Business, settings: Settings) -> None:
    with serve_twilio(settings, [make_served_call(1, mishaps=[(404, None)], seconds=999_999_999)]):
        collect_source(twilio_source(business_a))
    assert Call.objects.get().duration is None


def test_an_enormous_recording_is_refused_before_it_is_fetched(business_a: Business, settings: Settings) -> None:
    settings.RECORDINGS_MAX_BYTES = 50_000
    big = make_served_call(1, wav(300.0))
    with serve_twilio(settings, [big, make_served_call(2)]):
        run = collect_source(twilio_source(business_a))
    assert outcomes_by_key(run)[big.sid] == ("failed", "too_large")
    assert run.succeeded == 1


@pytest.mark.parametrize("when", ["listing", "fetching"])
def test_wrong_credentials_reject_the_run_with_a_message(business_a: Business, settings: Settings, when: str) -> None:
    first = make_served_call(1, mishaps=[(401, None)] if when == "fetching" else [])
    with serve_twilio(settings, [first]):
        source = twilio_source(business_a, secret="wrong" if when == "listing" else TOKEN)
        run = collect_source(source)
    assert (run.status, run.error_code) == ("failed", "rejected")
    assert run.error_message == "The provider doesn't accept the account and its token. Staff can correct them."


@pytest.mark.usefixtures("stopped_clock")
def test_the_wait_for_a_rate_limit_is_shown(business_a: Business, settings: Settings) -> None:
    limited = make_served_call(1, mishaps=[(429, {"Retry-After": "1"})])
    with serve_twilio(settings, [limited]) as server:
        server.listing_mishaps.append((429, {"Retry-After": "1"}))
        run = dispatch.start(RecordingRun, business_a, source=twilio_source(business_a), job_type="download")
        with record_flushes(run) as shown:
            run = work_through(run, collect)
    assert (run.status, run.succeeded) == ("completed", 1)
    waiting = [flushed for flushed in shown if flushed.wait_left and flushed.wait_left > 0]
    assert len(waiting) >= 2
    assert {flushed.waiting_reason for flushed in waiting} == {"The provider asks us to wait."}
    assert {verdict_of(flushed).code for flushed in waiting} == {"waiting"}


def test_redirects_lead_only_to_known_hosts_and_without_the_token(business_a: Business, settings: Settings) -> None:
    moved, astray, inward = make_served_call(1), make_served_call(2), make_served_call(3)
    with serve_twilio(settings, [moved, astray, inward]) as server:
        elsewhere = server.url.replace("127.0.0.1", "localhost")
        settings.TWILIO_MEDIA_HOSTS = ["localhost"]
        moved.mishaps.append(("moved", f"{elsewhere}/signed/{moved.sid}"))
        astray.mishaps.append(("moved", "http://127.0.0.2:1/signed/x"))
        inward.mishaps.append(("moved", "http://169.254.169.254/latest/meta-data/"))
        run = collect_source(twilio_source(business_a))
    assert outcomes_by_key(run) == {
        moved.sid: ("done", ""),
        astray.sid: ("failed", "foreign_host"),
        inward.sid: ("failed", "foreign_host"),
    }
    assert read_stored(moved.sid) == moved.content
    signed = [with_token for path, with_token in server.seen_auth if path.startswith("/signed/")]
    assert signed == [False], "a media host does not get the account's token"


def test_an_attempt_that_lost_its_run_leaves_no_file(business_a: Business, settings: Settings) -> None:
    slow = make_served_call(1, mishaps=[("reset", 1000)])
    with serve_twilio(settings, [slow, make_served_call(2)]):
        run = dispatch.start(RecordingRun, business_a, source=twilio_source(business_a), job_type="download")

        def taken_away(run: RecordingRun, progress: Progress) -> None:
            def wait(seconds: float, reason: object) -> None:
                RecordingRun.objects.filter(pk=run.pk).fail(ErrorCode.RESET, "reset")

            progress.wait = wait  # type: ignore[method-assign]
            collect(run, progress)

        run = work_through(run, taken_away)
    assert (run.status, run.error_code, run.processed) == ("failed", "reset", 0)
    assert not Call.objects.with_file()
    assert not [path for path in Path(django_settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_an_attempt_that_wakes_up_late_leaves_the_file_of_the_next_one(
    business_a: Business, settings: Settings
) -> None:
    def freeze_before_storing(run: RecordingRun, progress: Progress) -> None:
        fenced = progress.fenced

        def fenced_and_frozen(write: Any, *args: Any, **options: Any) -> Any:
            result = fenced(write, *args, **options)
            if write.__name__ == "<lambda>":  # the last look before the file is stored
                RecordingRun.objects.filter(pk=run.pk).reclaim()
                assert work_through(run, collect).status == "completed"
            return result

        progress.fenced = fenced_and_frozen  # type: ignore[method-assign]
        collect(run, progress)

    only = make_served_call(1)
    with serve_twilio(settings, [only]):
        run = dispatch.start(RecordingRun, business_a, source=twilio_source(business_a), job_type="download")
        run = work_through(run, freeze_before_storing)
    assert (run.status, run.succeeded, run.attempt) == ("completed", 1, 2)
    assert read_stored(only.sid) == only.content


def test_private_addresses_are_refused_in_production(business_a: Business, settings: Settings) -> None:
    with serve_twilio(settings, [make_served_call(1)]):
        settings.RECORDINGS_ALLOW_PRIVATE_HOSTS = False
        run = collect_source(twilio_source(business_a))
    assert (run.status, run.error_code) == ("failed", "rejected")


def test_nothing_is_fetched_twice_over_two_runs(business_a: Business, settings: Settings) -> None:
    calls = [make_served_call(n) for n in range(4)]
    with serve_twilio(settings, calls) as server:
        source = twilio_source(business_a)
        collect_source(source)
        again = collect_source(source, from_date=date(2024, 11, 1))
    assert (again.processed, again.skipped) == (4, 4)
    assert set(server.fetched.values()) == {1}


def test_the_token_is_encrypted_at_rest(business_a: Business) -> None:
    twilio_source(business_a)
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM recordings_source")
        assert TOKEN not in cursor.fetchone()[0]


@pytest.fixture
def waits() -> Iterator[list[str]]:
    """What runs have waited for, without waiting."""
    reasons: list[str] = []
    with mock.patch("runs.progress.progress.Progress.wait", side_effect=lambda _, reason: reasons.append(str(reason))):
        yield reasons


@pytest.mark.parametrize("of", ["listing_mishaps", "call_mishaps"])
def test_the_run_waits_for_a_list_that_fails_for_a_while(
    business_a: Business, settings: Settings, waits: list[str], of: str
) -> None:
    with serve_twilio(settings, [make_served_call(1), make_served_call(2)]) as server:
        source = twilio_source(business_a)
        server.calls.pop()
        collect_source(source)
        server.calls.append(make_served_call(2))
        getattr(server, of).extend([(500, {})] * (2 * MAX_TRIES))
        run = collect_source(source, direction="inbound")
    assert (run.status, run.succeeded, run.skipped) == ("completed", 1, 1)
    assert set(waits) == {"The provider answered with an error (500)."}


def test_a_run_whose_provider_stays_away_can_be_retried(
    business_a: Business, settings: Settings, waits: list[str]
) -> None:
    settings.RECORDINGS_AWAY_SECONDS = 10
    with serve_twilio(settings, [make_served_call(1)]) as server:
        source = twilio_source(business_a)
        collect_source(source)
        server.listing_mishaps += [(500, {})] * 1000
        run = collect_source(source)
    assert (run.status, run.error_code) == ("failed", "unreachable")
    assert run.error_message == "The provider answered with an error (500)."


def test_a_provider_away_in_the_middle_loses_no_recording(
    business_a: Business, settings: Settings, waits: list[str]
) -> None:
    real, refusals = httpx.Client.send, [None] * (MAX_TRIES + 2)

    def send(self: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        if request.url.path.endswith(".wav") and refusals:
            refusals.pop()
            raise httpx.ConnectError("refused")
        return real(self, request, **options)

    with (
        serve_twilio(settings, [make_served_call(1), make_served_call(2)]),
        mock.patch.object(httpx.Client, "send", send),
    ):
        run = collect_source(twilio_source(business_a))
    assert (run.status, run.succeeded) == ("completed", 2)
    assert set(waits) == {"The provider can't be reached."}


def test_invalid_values_in_a_response_fail_no_call(business_a: Business, settings: Settings) -> None:
    strange = [
        make_served_call(1, number="05\x000" * 50),
        make_served_call(2, seconds="NaN"),
        make_served_call(3, seconds="9" * 400),
    ]
    with serve_twilio(settings, [*strange, make_served_call(4)]):
        run = collect_source(twilio_source(business_a))
    assert (run.status, run.succeeded) == ("completed", 4)
