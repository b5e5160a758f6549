"""Calls that are still being recorded: none is stored cut off and called done, and what has grown is fetched again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.conf import settings as django_settings
from django.core.files.storage import default_storage
from pytest_django import Settings

from demo import calls
from recordings.collection import collect as collecting
from recordings.models import Call, Source
from recordings.sources.folder import reading
from recordings.sources.folder import source as folder_sources
from recordings.transcription.transcriber import Segment, Transcriber, Utterance
from runs.models import Business
from tests.telephony import HISS, collect_source, exchange_name, folder_source, outcomes_by_key, wav

pytestmark = pytest.mark.django_db(transaction=True)

KEY = Path(exchange_name(1)).stem
SAID = [{"start": 0.0, "end": 1.0, "text": "the first half"}]


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    folder = tmp_path / "exchange"
    folder.mkdir()
    settings.RECORDINGS_FOLDERS = [str(tmp_path)]
    return folder


@pytest.fixture
def source(business_a: Business, folder: Path) -> Source:
    return folder_source(business_a, folder)


def read_stored(call: Call) -> bytes:
    with default_storage.open(str(call.file.name)) as file:
        content: bytes = file.read()
    return content


def files() -> list[str]:
    return sorted(path.name for path in Path(django_settings.MEDIA_ROOT).rglob("*") if path.is_file())


def being_recorded(content: bytes) -> bytes:
    """As Asterisk has it until the call ends: the head announces nothing behind itself."""
    return content[:4] + (36).to_bytes(4, "little") + content[8:40] + bytes(4) + content[44:]


# Not yet


@pytest.mark.parametrize("content", [wav(), wav()[:44]], ids=["sound", "head"])
def test_an_unfinished_wav_is_not_fetched_yet(source: Source, folder: Path, content: bytes) -> None:
    path = folder / exchange_name(1)
    path.write_bytes(being_recorded(content))
    run = collect_source(source)
    assert (run.status, run.total) == ("completed", 0)
    assert run.warnings == [f"1 call is still being recorded, a later run will fetch it: {path.name}"]
    assert not Call.objects.exists()
    path.write_bytes(wav(3.0))
    assert outcomes_by_key(collect_source(source)) == {KEY: ("done", "")}


def test_an_unfinished_wav_with_gsm_is_not_fetched_yet(source: Source, folder: Path) -> None:
    [path] = calls.CALLS.rglob("*.152.wav")
    content = bytearray(path.read_bytes())
    at = content.index(b"data")
    content[4:8], content[at + 4 : at + 8] = at.to_bytes(4, "little"), bytes(4)
    (folder / exchange_name(1, suffix="WAV")).write_bytes(content)
    assert collect_source(source).total == 0


def test_a_file_written_in_the_last_seconds_is_not_fetched_yet(
    source: Source, folder: Path, settings: Settings
) -> None:
    settings.RECORDINGS_SETTLE_SECONDS = 30
    path = folder / exchange_name(1, suffix="mp3")
    path.write_bytes(wav())
    run = collect_source(source)
    assert run.total == 0
    assert "still being recorded" in run.warnings[0]
    os.utime(path, (time.time() - 31,) * 2)
    assert collect_source(source).succeeded == 1


def test_a_clock_hours_ahead_delays_no_recording(source: Source, folder: Path, settings: Settings) -> None:
    settings.RECORDINGS_SETTLE_SECONDS = 30
    path = folder / exchange_name(1)
    path.write_bytes(wav())
    os.utime(path, (time.time() + 7200,) * 2)
    assert collect_source(source).succeeded == 1


def test_a_file_that_grows_while_it_is_fetched_is_left_for_a_later_run(source: Source, folder: Path) -> None:
    path = folder / exchange_name(1, suffix="ulaw")
    path.write_bytes(HISS * 20)
    real = reading.read_chunks

    def chunks(*args: Any) -> Iterator[bytes]:
        for chunk in real(*args):
            with path.open("ab") as file:
                file.write(HISS)
            yield chunk

    with mock.patch.object(folder_sources, "read_chunks", chunks):
        run = collect_source(source)
    assert (run.status, run.skipped, run.failed) == ("completed", 1, 0)
    assert outcomes_by_key(run) == {KEY: ("skipped", "recording")}
    assert files() == []
    assert collect_source(source).succeeded == 1
    assert read_stored(Call.objects.get()) == HISS * 21


# Again


def test_a_recording_that_has_grown_is_fetched_and_transcribed_again(source: Source, folder: Path) -> None:
    path = folder / exchange_name(1, suffix="ulaw")
    path.write_bytes(HISS * 10)
    collect_source(source)
    call = Call.objects.get()
    call.store_transcript(SAID, "en")
    first = files()
    path.write_bytes(HISS * 20)
    utterances = iter([Utterance(5.0, "en", Segment(0.0, 5.0, "all of it"))])
    with (
        mock.patch.object(collecting, "prepare_transcriber", return_value=Transcriber(None)),
        mock.patch.object(Transcriber, "transcribe_call", return_value=utterances),
    ):
        run = collect_source(source, job_type="full")
    assert outcomes_by_key(run) == {KEY: ("done", "")}
    grown = Call.objects.get()
    assert read_stored(grown) == HISS * 20
    assert (grown.size, grown.transcript) == (len(HISS) * 20, "all of it")
    assert grown.duration == pytest.approx(2 * (call.duration or 0))
    assert len(files()) == 1
    assert files() != first
    assert collect_source(source, job_type="download").skipped == 1


def test_the_transcript_of_half_a_call_is_replaced_by_that_of_the_whole(source: Source, folder: Path) -> None:
    path = folder / exchange_name(1, suffix="ulaw")
    path.write_bytes(HISS * 10)
    collect_source(source)
    Call.objects.get().store_transcript(SAID, "en")
    path.write_bytes(HISS * 20)
    collect_source(source, job_type="download")
    call = Call.objects.get()
    assert (call.transcribed_at, call.transcript, call.segments, call.transcribed_to) == (None, "", [], 0)


def test_a_grown_recording_that_cannot_be_fetched_leaves_the_stored_one(source: Source, folder: Path) -> None:
    path = folder / exchange_name(1)
    path.write_bytes(wav(1.0))
    collect_source(source)
    Call.objects.get().store_transcript(SAID, "en")
    path.write_bytes(wav(3.0)[:-5000])
    assert outcomes_by_key(collect_source(source)) == {KEY: ("failed", "truncated")}
    call = Call.objects.get()
    assert (read_stored(call), call.transcript) == (wav(1.0), "the first half")


@pytest.mark.parametrize("when", ["before the row", "after the row"])
def test_a_crash_while_a_grown_recording_is_stored_leaves_one_file(source: Source, folder: Path, when: str) -> None:
    path = folder / exchange_name(1, suffix="ulaw")
    path.write_bytes(HISS * 10)
    collect_source(source)
    path.write_bytes(HISS * 20)
    real = Call.store_file

    def store_file(self: Call, **columns: Any) -> None:
        if when == "after the row":
            real(self, **columns)
        raise SystemExit  # and the transaction is rolled back

    with mock.patch.object(Call, "store_file", store_file), pytest.raises(SystemExit):
        collect_source(source)
    run = source.business.recordingruns.get(status="running")
    type(run).objects.filter(pk=run.pk).update(status="failed")
    assert collect_source(source).succeeded == 1
    assert read_stored(Call.objects.get()) == HISS * 20
    assert len(files()) == 1


def test_a_download_before_a_crash_is_not_reused_for_a_recording_grown_since(source: Source, folder: Path) -> None:
    path = folder / exchange_name(1, suffix="ulaw")
    path.write_bytes(HISS * 10)
    with mock.patch.object(Call, "store_file", side_effect=SystemExit), pytest.raises(SystemExit):
        collect_source(source)
    run = source.business.recordingruns.get(status="running")
    type(run).objects.filter(pk=run.pk).update(status="failed")
    path.write_bytes(HISS * 20)
    assert collect_source(source).succeeded == 1
    call = Call.objects.get()
    assert (read_stored(call), call.size) == (HISS * 20, len(HISS) * 20)
    assert len(files()) == 1


# Cut off


def test_a_truncated_recording_is_never_done(source: Source, folder: Path) -> None:
    [mp3] = calls.CALLS.rglob("*.140.mp3")
    [gsm] = calls.CALLS.rglob("*.117.gsm")
    for number, path in enumerate([mp3, gsm]):
        content = path.read_bytes()
        (folder / exchange_name(number, suffix=path.suffix[1:])).write_bytes(content[: len(content) * 2 // 3 + 5])
    run = collect_source(source)
    assert set(outcomes_by_key(run).values()) == {("failed", "truncated")}
    assert {item.error_message for item in run.items.all()} == {"The recording is cut short: its end is missing."}
    assert files() == []
