"""The worker is killed in the middle of a download or of a call: nothing is done again, and no half file is seen.

Real processes: a Celery worker that is really killed, the real model, Twilio's wire format on the loopback.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from demo import calls
from demo.fakes.twilio import ServedCall, TwilioServer
from recordings.models import Call, RecordingRun
from runs.lifecycle import dispatch
from runs.models import Business
from tests.actors import read_run
from tests.telephony import make_served_call, serve_twilio, twilio_source, wav
from tests.workers import kill, until, worker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def media(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The media folder of the test and of the workers that it starts."""
    monkeypatch.setenv("MEDIA_ROOT", django_settings.MEDIA_ROOT)
    monkeypatch.setenv("RECORDINGS_ALLOW_PRIVATE_HOSTS", "true")
    return Path(django_settings.MEDIA_ROOT)


def calls_with_speech() -> list[ServedCall]:
    """The demo's calls, as Twilio would serve them."""
    paths = sorted(path for path in calls.CALLS.rglob("*-*-*.*") if path.stat().st_size > 10_000)
    return [make_served_call(number, path.read_bytes(), seconds=10) for number, path in enumerate(paths)]


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TwilioServer]:
    with serve_twilio(settings, calls_with_speech()) as server:
        monkeypatch.setenv("TWILIO_API_URL", server.url)
        yield server


def visible(media: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (media / "recordings").rglob("*") if path.is_file()}


def test_after_a_kill_in_mid_download_only_the_missing_part_is_fetched(
    business_a: Business, files: Path, media: Path, server: TwilioServer
) -> None:
    server.calls[:] = [make_served_call(number) for number in range(6)]
    stalled = server.calls[3]
    stalled.content = wav(120.0)
    stalled.mishaps.append(("stall", 1_000_000))
    run = dispatch.start(RecordingRun, business_a, source=twilio_source(business_a), job_type="download")
    with worker(files.parent, "recordings") as process:
        until(lambda: server.sent[stalled.sid] >= 1_000_000)
        until(lambda: read_run(run).current_pct not in (None, 0.0))
        kill(process)
    before = visible(media)
    assert sorted(before.values()) == sorted(each.content for each in server.calls[:3]), "whole files only"
    assert list((media / "incoming").iterdir()), "what was under way is elsewhere"
    halfway = read_run(run)
    with worker(files.parent, "recordings"):  # under its old name: it takes its runs back
        until(lambda: not read_run(run).is_active)
    end = read_run(run)
    assert (end.status, end.processed, end.succeeded, end.attempt) == ("completed", 6, 6, 2)
    assert end.processed >= halfway.processed
    assert sorted(visible(media).values()) == sorted(each.content for each in server.calls)
    assert not list((media / "incoming").iterdir())
    fetched = {each.sid: server.fetched[each.sid] for each in server.calls}
    assert fetched == {each.sid: 2 if each is stalled else 1 for each in server.calls}


def test_after_a_kill_in_mid_call_only_the_rest_is_transcribed(
    business_a: Business, files: Path, media: Path, server: TwilioServer
) -> None:
    run = dispatch.start(RecordingRun, business_a, source=twilio_source(business_a, language="en"), job_type="full")
    with worker(files.parent, "recordings") as process:
        until(lambda: read_run(run).processed >= 3 and (read_run(run).current_pct or 0) > 5, 240)
        [child] = psutil.Process(process.pid).children()
        child.kill()
        child.wait()
        # The run may have reached the next call since its last flush.
        fetched = set(Call.objects.with_file().values_list("call_id", flat=True))
        done = dict(Call.objects.exclude(transcribed_at=None).values_list("pk", "transcribed_at"))
        until(lambda: not read_run(run).is_active, 240)
    end = read_run(run)
    count = len(server.calls)
    assert (end.status, end.processed, end.succeeded, end.attempt) == ("completed", count, count, 2)
    assert len(done) >= 3
    after = dict(Call.objects.filter(pk__in=done).values_list("pk", "transcribed_at"))
    assert after == done, "no call was transcribed again"
    assert {server.fetched[sid] for sid in fetched} == {1}
    assert len([each for each in server.calls if server.fetched[each.sid] > 1]) <= 1, "the one that was under way"
    transcripts = " ".join(Call.objects.values_list("transcript", flat=True)).lower()
    assert "guitar" in transcripts
    assert "elevator" in transcripts
