"""A call without a transcript shows why: it waits for one, no one speaks, a part is missing, or it failed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import av
import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from demo import calls
from recordings.audio import reader as audio_module
from recordings.audio.reader import AudioReader
from recordings.collection import collect as collecting
from recordings.models import Call, Recording, RecordingRun, Source
from recordings.transcription.transcriber import Segment, Utterance
from runs.children.bounded_child import BoundedChild
from runs.models import Business
from tests.telephony import HISS, NOON, collect_source, exchange_name, folder_source, wav

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/b/business-a/recordings/"


@pytest.fixture
def source(business_a: Business, tmp_path: Path, settings: Settings) -> Source:
    folder = tmp_path / "exchange"
    folder.mkdir()
    settings.RECORDINGS_FOLDERS = [str(tmp_path)]
    return folder_source(business_a, folder, language="en")


def made_call(source: Source) -> Call:
    number = Call.objects.count()
    call = Call.objects.create(
        business=source.business,
        source=source,
        call_id=f"call-{number}",
        location="x",
        number=f"05{number}",
        started_at=NOON,
        duration=2.0,
        content_type="audio/wav",
    )
    call.file.save(f"recordings/{call.pk}", ContentFile(wav()))
    return call


def tried(call: Call, status: str, code: str = "", message: str = "", *, store_file: bool = True) -> Recording:
    """An item of a newer run that took the call up."""
    run = RecordingRun.objects.create(business=call.business, source=call.source, status="completed")
    fields = {"status": status, "error_code": code, "error_message": message}
    if not store_file:
        Call.objects.filter(pk=call.pk).update(file="")
    return Recording.objects.create(run=run, key=call.call_id, call=call, **fields)


def transcribed(call: Call, *texts: str) -> Call:
    call.store_transcript([{"start": 0.0, "end": 1.0, "text": text, "speaker": ""} for text in texts], "en")
    return call


STATES: dict[str, tuple[Callable[[Call], object], str, str]] = {
    "untouched": (lambda call: call, "none", "Not transcribed yet."),
    "downloaded": (lambda call: tried(call, "done"), "none", "Not transcribed yet."),
    "grown since": (
        lambda call: [tried(call, "failed", "unexpected"), tried(call, "done")],
        "none",
        "Not transcribed yet.",
    ),
    "with words": (lambda call: transcribed(call, "Hello."), "done", ""),
    "silent": (transcribed, "no_speech", "There is no speech in this recording."),
    "failed": (
        lambda call: tried(call, "failed", "unexpected", "The program failed: x"),
        "failed",
        "The recording could not be transcribed.",
    ),
    "passed over": (
        lambda call: [tried(call, "failed", "poison", "This item …"), tried(call, "skipped", "known")],
        "failed",
        "This recording stopped the worker twice.",
    ),
    "failed in its own words": (
        lambda call: tried(call, "failed", "too_large", "The recording is too large: 2000 MB.", store_file=False),
        "failed",
        "The recording is too large: 2000 MB.",
    ),
    "cut short": (
        lambda call: tried(call, "failed", "truncated", "Abgeschnitten", store_file=False),
        "partial",
        "The recording is cut short: its end is missing.",
    ),
    "with a gap": (
        lambda call: [Call.objects.filter(pk=call.pk).update(is_partial=True), transcribed(call, "Hello.")],
        "partial",
        "Parts of the recording could not be read: words may be missing.",
    ),
}


def test_page_and_api_show_why_a_call_has_no_transcript(
    source: Source, as_member_a: APIClient, client: Client, member_a: Any
) -> None:
    calls: dict[str, Call] = {}
    for name, (happens, _state, _note) in STATES.items():
        happens(calls.setdefault(name, made_call(source)))
    rows = as_member_a.get("/api/recordings/", {"business": source.business_id}).json()["results"]
    by_id = {row["id"]: row for row in rows}
    client.force_login(member_a)
    items = client.get(PAGE).content.decode().split("<li>")
    shown = {call.pk: next(item for item in items if f">{call.number}<" in item) for call in calls.values()}
    for name, (_happens, state, note) in STATES.items():
        call, row, html = Call.objects.get(pk=calls[name].pk), by_id[calls[name].pk], shown[calls[name].pk]
        assert (row["transcript_state"], row["transcript_note"]) == (state, note), name
        assert (call.transcript_state, call.transcript_note) == (state, note), name
        assert note in html, name
        assert (f'data-state="{state}"' in html) == (state != "done"), name
        assert ("Partial audio:" in html, "Failed:" in html) == (state == "partial", state == "failed"), name
        assert (row["media"] is not None) == ("?download" in html), name
        if row["transcript"]:
            transcript = as_member_a.get(row["transcript"]).json()
            assert (transcript["transcript_state"], transcript["transcript_note"]) == (state, note), name


class Broken:
    def transcribe_call(self, windows: Any, **options: Any) -> Any:
        raise RuntimeError("out of memory")


class Model:
    def transcribe_call(self, windows: Any, *, language: str, start: float) -> Any:
        seconds = sum(len(window) for window in windows) / 16_000
        yield Utterance(seconds, "en", Segment(0.0, seconds, "Hello."))


def test_a_run_leaves_each_call_in_its_state(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "is_model_loaded", lambda: True)
    monkeypatch.setattr(collecting, "load_transcriber", Broken)
    (Path(source.folder) / exchange_name(1)).write_bytes(wav())
    (Path(source.folder) / exchange_name(2)).write_bytes(wav(2.0)[:9000])
    collect_source(source, job_type="full")
    states = {call.call_id: call.transcript_state.value for call in Call.objects.visible()}
    assert states == {Path(exchange_name(1)).stem: "failed", Path(exchange_name(2)).stem: "partial"}
    monkeypatch.setattr(collecting, "load_transcriber", Model)
    (Path(source.folder) / exchange_name(2)).write_bytes(wav(2.0))
    collect_source(source, job_type="full")
    assert [call.transcript_state.value for call in Call.objects.visible()] == ["done", "done"]


def test_a_recording_that_could_be_read_in_part_is_partial(source: Source) -> None:
    [path] = calls.FOLDERS["business-b"].rglob("*.301.mp3")
    content = bytearray(path.read_bytes())
    place = len(content) // 2
    content[place : place + 12_000] = bytes(12_000)
    damaged = Path(source.folder) / "x.mp3"
    damaged.write_bytes(content)
    with AudioReader() as reader:
        whole, partial = reader.check_recording(path), reader.check_recording(damaged)
    assert (whole.is_partial, partial.is_partial) == (False, True)
    assert 4 < partial.duration < whole.duration - 3


def test_a_skipped_ogg_page_makes_a_recording_partial(tmp_path: Path) -> None:
    path = tmp_path / "x.ogg"
    with av.open(str(path), "w", options={"page_duration": "500000"}) as out:
        stream: Any = out.add_stream("libopus", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.random.default_rng(1).integers(-9000, 9000, (1, 96_000), np.int16), "s16", "mono"
        )
        frame.sample_rate = 16_000
        out.mux([*stream.encode(frame), *stream.encode(None)])
    content = bytearray(path.read_bytes())
    with AudioReader() as reader:
        whole = reader.check_recording(path)
        content[len(content) // 2 : len(content) // 2 + 9000] = bytes(9000)
        path.write_bytes(content)
        partial = reader.check_recording(path)
    assert (whole.is_partial, partial.is_partial) == (False, True)
    assert partial.duration < whole.duration - 0.5


def test_more_sound_than_a_day_is_one_failed_item(source: Source, settings: Settings) -> None:
    settings.RECORDINGS_MAX_SECONDS = 3.0
    (Path(source.folder) / exchange_name(1)).write_bytes(wav(4.0))
    (Path(source.folder) / exchange_name(2)).write_bytes(wav(2.0))
    run = collect_source(source)
    assert (run.status, run.failed, run.succeeded) == ("completed", 1, 1)
    failed = run.items.get(status="failed")
    assert (failed.error_code, failed.error_message) == ("too_long", "The recording is too long.")


def test_long_silence_is_refused_before_all_of_it_is_decoded(source: Source, settings: Settings) -> None:
    settings.RECORDINGS_MAX_SECONDS = 3.0
    (Path(source.folder) / exchange_name(1, suffix="ulaw")).write_bytes(HISS * 100)
    with (
        mock.patch.object(audio_module, "CHECK_CHUNK_SECONDS", 1.0),
        mock.patch.object(BoundedChild, "call", autospec=True, side_effect=BoundedChild.call) as requests,
    ):
        assert collect_source(source).failed == 1
    assert sum(b'"decode"' in call.args[1] for call in requests.call_args_list) <= 5


def test_a_short_call_weighs_as_much_as_the_stretch_that_the_model_works_through() -> None:
    five, thirty, hour = (Call(duration=seconds).estimate_remaining_work("full") for seconds in (5, 30, 3600))
    assert five == pytest.approx(thirty, rel=0.05)
    assert hour == pytest.approx(120 * thirty)
