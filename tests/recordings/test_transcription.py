"""From sound to text, by the real model: the words of the shipped recordings are found in their transcripts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.db import connection
from django.utils.translation import override
from faster_whisper import tokenizer
from pytest_django import Settings

from demo import calls
from recordings.collection import transcribe as transcribing
from recordings.collection.collect import collect
from recordings.models import Call, RecordingRun
from recordings.transcription.languages import LANGUAGE_CODES
from recordings.transcription.speech_model import load_transcriber
from recordings.transcription.transcriber import Transcriber, Utterance
from runs.lifecycle import dispatch
from runs.models import Business
from runs.models.audit import SYSTEM
from runs.progress import Progress
from runs.states import StopRequest
from runs.stored_text import translate_stored
from tests.actors import read_run, work_through
from tests.telephony import collect_source, find_calls, folder_source, outcomes_by_key, record_flushes

pytestmark = pytest.mark.django_db(transaction=True)

# Words that the small model always transcribes: where it is unsure it samples, and may find another word.
SAID = {
    "business-a": {
        ".101": ["water", "invoice", "monday"],
        ".102": ["david", "coffee", "friday"],
        ".117": ["elevator", "building", "tomorrow"],
        ".123": ["contract", "passport"],
        ".131": ["pharmacy", "medicine", "evening"],
        ".140": ["travel agency", "london", "window", "suitcase", "guitar"],
        ".171": ["tires", "thursday", "appointment"],
    },
    "business-b": {
        ".301": ["garden furniture", "delivery"],
        ".302": ["appointment", "wednesday"],
        ".310": ["paper", "subscription"],
    },
}
# What can't be transcribed is a failed item.
COLLECTED = {"business-a": ({"", "empty", "misnamed"}, 8, 2), "business-b": ({""}, 3, 0)}
LONG_CALL = ".140"
SILENT_CALL = ".152"
CERTAIN_WORDS = [
    "travel agency",
    "london",
    "tuesday",
    "$50",
    "in the cabin",
    "before the flight",
]  # however the call is cut into windows


def long_call() -> Call:
    return Call.objects.get(call_id__endswith=LONG_CALL)


def test_spoken_words_are_found_in_the_transcript(business_a: Business) -> None:
    source = folder_source(business_a, calls.FOLDERS["business-a"], language="en")
    check_words(collect_source(source, job_type="full"), "business-a")


def check_words(run: RecordingRun, slug: str) -> None:
    assert run.status == "completed"
    for end, words in SAID[slug].items():
        call = Call.objects.get(call_id__endswith=end)
        assert call.language == "en"
        for word in words:
            assert word in call.transcript.lower(), (end, call.transcript)
            assert call in find_calls(f'"{word}"')
        assert all(0 <= one["start"] < one["end"] <= (call.duration or 0) + 0.5 for one in call.segments)
        assert [one["start"] for one in call.segments] == sorted(one["start"] for one in call.segments)
    assert ({code for _, code in outcomes_by_key(run).values()}, run.succeeded, run.failed) == COLLECTED[slug]


def test_a_call_in_which_nobody_speaks_is_done_with_an_empty_transcript(
    business_a: Business, tmp_path: Path, settings: Settings
) -> None:
    [path] = calls.CALLS.rglob(f"*{SILENT_CALL}.wav")
    (tmp_path / path.name).write_bytes(path.read_bytes())
    settings.RECORDINGS_FOLDERS = [str(tmp_path)]
    source = folder_source(business_a, tmp_path)
    run = collect_source(source, job_type="full")
    call = Call.objects.get()
    assert (run.succeeded, run.failed, call.transcript, call.segments) == (1, 0, "", [])
    assert call.transcribed_at
    assert call.file
    with mock.patch.object(Transcriber, "transcribe_call", side_effect=AssertionError("transcribed again")):
        assert collect_source(source, job_type="full").skipped == 1


def test_a_download_is_transcribed_later_and_once_without_fetching_again(business_a: Business) -> None:
    source = folder_source(business_a, calls.FOLDERS["business-b"], language="en")
    collect_source(source)
    assert not Call.objects.exclude(transcribed_at=None)
    with mock.patch("recordings.collection.process.fetch_recording", side_effect=AssertionError("fetched again")):
        check_words(collect_source(source, job_type="full"), "business-b")
    with mock.patch.object(Transcriber, "transcribe_call", side_effect=AssertionError("transcribed again")):
        again = collect_source(source, job_type="full")
    assert (again.status, again.skipped) == ("completed", 3)


# One long call


@pytest.fixture
def short_windows(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """The long call has several windows, and every report is flushed."""
    monkeypatch.setattr(transcribing, "WINDOW_SECONDS", 15.0)
    monkeypatch.setattr(transcribing, "STORE_INTERVAL_SECONDS", 0.0)
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0


@pytest.fixture
def long_only(business_a: Business, tmp_path: Path, settings: Settings) -> RecordingRun:
    [path] = calls.FOLDERS["business-a"].rglob(f"*{LONG_CALL}.mp3")
    (tmp_path / path.name).write_bytes(path.read_bytes())
    settings.RECORDINGS_FOLDERS = [str(tmp_path)]
    return dispatch.start(
        RecordingRun, business_a, source=folder_source(business_a, tmp_path, language="en"), job_type="full"
    )


def test_a_long_call_shows_its_progress_and_its_windows_neither_miss_nor_repeat_a_word(
    long_only: RecordingRun, short_windows: None
) -> None:
    with record_flushes(long_only) as shown:
        run = work_through(long_only, collect)
    assert (run.status, run.progress_pct, run.current, run.current_pct) == ("completed", 100, "", None)
    inside = [flushed for flushed in shown if flushed.current]
    assert {flushed.current for flushed in inside} == {"0501234567"}
    bars = [flushed.progress_pct or 0 for flushed in shown]
    assert bars == sorted(bars)
    assert len(set(bars)) > 6, "the bar moves inside of the one call"
    assert any(flushed.eta and flushed.eta > 0 for flushed in inside)
    call = long_call()
    assert [segment["start"] for segment in call.segments] == sorted(segment["start"] for segment in call.segments)
    for word in CERTAIN_WORDS:
        assert call.transcript.lower().count(word) == 1, call.transcript


@pytest.mark.parametrize("how", ["requested", "killed"])
def test_an_interrupted_transcription_continues_where_it_stopped(
    long_only: RecordingRun, short_windows: None, how: str
) -> None:
    def until_the_middle(run: RecordingRun, progress: Progress) -> None:
        report_share = progress.inside

        def inside(part: float) -> None:
            if part > 0.5:
                if how == "killed":
                    raise SystemExit
                RecordingRun.objects.filter(pk=run.pk).request_stop(StopRequest.INTERRUPT, actor=None)
            report_share(part)

        progress.inside = inside  # type: ignore[method-assign]
        collect(run, progress)

    if how == "killed":
        with pytest.raises(SystemExit):
            work_through(long_only, until_the_middle)
        RecordingRun.objects.filter(pk=long_only.pk).reclaim()
    else:
        assert work_through(long_only, until_the_middle).status == "queued"
    between = read_run(long_only)
    half = long_call()
    assert half.transcribed_to > 20
    assert not half.transcribed_at
    starts: list[float] = []
    real = Transcriber.transcribe_call

    def transcribe(self: Transcriber, file: Any, *, start: float, **options: Any) -> Iterator[Utterance]:
        starts.append(start)
        return real(self, file, start=start, **options)

    with mock.patch.object(Transcriber, "transcribe_call", transcribe):
        run = work_through(long_only, collect)
    assert run.status == "completed"
    assert starts == [half.transcribed_to]
    assert (run.progress_pct or 0) >= (between.progress_pct or 0) > 40
    whole = long_call()
    stored = [{**segment, "speaker": ""} for segment in half.segments]
    for segment in stored:
        del segment["channel"]
    assert whole.segments[: len(stored)] == stored
    for word in CERTAIN_WORDS:
        assert word in whole.transcript.lower(), whole.transcript


def test_a_cancel_is_applied_in_the_middle_of_a_long_call(long_only: RecordingRun, short_windows: None) -> None:
    def work(run: RecordingRun, progress: Progress) -> None:
        run.cancel(SYSTEM)
        collect(run, progress)

    with mock.patch.object(Call, "store_transcript", side_effect=AssertionError("went on to the end")):
        run = work_through(long_only, work)
    assert run.status == "cancelled"


# The model


def test_without_a_model_the_run_is_rejected_before_anything_is_fetched(
    business_a: Business, settings: Settings
) -> None:
    settings.WHISPER_MODEL = ""
    source = folder_source(business_a, calls.FOLDERS["business-b"])
    run = collect_source(source, job_type="full")
    assert (run.status, run.error_code, run.total) == ("failed", "rejected", None)
    assert "WHISPER_MODEL" in run.error_message
    assert not Call.objects.exists()
    assert collect_source(source, job_type="download").status == "completed"


def test_a_folder_without_a_model_rejects_the_run(business_a: Business, settings: Settings, tmp_path: Path) -> None:
    settings.WHISPER_MODEL = str(tmp_path)  # a folder, but of nothing
    run = collect_source(folder_source(business_a, calls.FOLDERS["business-b"]), job_type="full")
    assert (run.status, run.error_code) == ("failed", "rejected")
    assert "can't be loaded" in run.error_message
    with override("he"):
        assert f"לא ניתן לטעון את מודל הדיבור {tmp_path}." in translate_stored(run.error_message)


def test_a_source_may_have_the_languages_that_the_model_knows() -> None:
    assert set(tokenizer._LANGUAGE_CODES) == LANGUAGE_CODES


def test_the_model_is_loaded_once(db: None) -> None:
    first = load_transcriber()
    with mock.patch("faster_whisper.WhisperModel", side_effect=AssertionError("loaded again")):
        assert load_transcriber().model is first.model


def test_the_model_is_only_imported_to_transcribe() -> None:
    imported = "import django, sys; django.setup(); import recordings.tasks, recordings.api.views"
    loaded = f"{imported}; print('ctranslate2' in sys.modules)"
    environment = {"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": ""}
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "False"


# Words


def test_hebrew_is_searched_by_whole_words(business_a: Business) -> None:
    source = folder_source(business_a, calls.CALLS)
    for number, text in enumerate(["החשבונית שולמה אתמול", "נקבע תור ליום רביעי"]):
        call = Call.objects.create(business=business_a, source=source, call_id=str(number), location="", file="x")
        call.store_transcript([{"start": 0, "end": 1, "text": text}], "he")
    assert [call.call_id for call in find_calls("שולמה")] == ["0"]
    assert [call.call_id for call in find_calls("תור רביעי")] == ["1"]
    assert not find_calls("תור -רביעי")
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        plan = Call.objects.match_tiers("שולמה")[0].explain()
        cursor.execute("RESET enable_seqscan")
    assert "call_search" in plan
