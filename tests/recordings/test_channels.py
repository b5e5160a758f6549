"""Two channels: each side of a call is transcribed under its own name, and no word is lost or doubled."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from recordings.audio.reader import AudioReader
from recordings.collection import collect as collecting
from recordings.collection import transcribe as transcribing
from recordings.collection.collect import collect
from recordings.collection.draft import TranscriptDraft
from recordings.models import Call, RecordingRun, Source
from recordings.transcription.speakers import merge_by_time, speakers_by_channel
from recordings.transcription.transcriber import Segment, Transcriber, Utterance
from recordings.transcription.turns import distribute_words, find_voiced_stretches
from runs.lifecycle import dispatch
from runs.models import Business
from runs.progress import Progress
from tests.actors import work_through
from tests.telephony import (
    collect_source,
    exchange_name,
    find_calls,
    folder_source,
    make_served_call,
    serve_twilio,
    twilio_source,
)
from tests.tones import PAUSE, WORD, WORDS, SpokenWord, ToneModel, make_side, wav_of

with_database = pytest.mark.django_db(transaction=True)

CALLS = 20


@pytest.fixture(autouse=True)
def _tones(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that transcribes tones, in windows so short that each call has several."""
    monkeypatch.setattr(collecting, "is_model_loaded", lambda: True)
    monkeypatch.setattr(collecting, "load_transcriber", lambda: Transcriber(ToneModel()))
    monkeypatch.setattr(transcribing, "WINDOW_SECONDS", 12.0)


@pytest.fixture
def source(business_a: Business, tmp_path: Path, settings: Settings) -> Source:
    settings.RECORDINGS_FOLDERS = [str(tmp_path)]
    return folder_source(business_a, tmp_path, language="en")


@pytest.fixture(scope="module")
def reader() -> Iterator[AudioReader]:
    with AudioReader() as reader:
        yield reader


def conversation(seed: int) -> tuple[list[SpokenWord], list[SpokenWord], float]:
    """Both sides' words: in turns, and every third time at once."""
    chance = random.Random(seed)
    sides: tuple[list[SpokenWord], list[SpokenWord]] = ([], [])
    at = 1.0
    for turn in range(9):
        ends = []
        for number in (0, 1) if turn % 3 == 2 else (turn % 3,):
            start = at + chance.random() * 0.3
            for _ in range(chance.randint(2, 4)):
                sides[number].append((round(start, 2), chance.choice(WORDS)))
                start += WORD + PAUSE + chance.random() * 0.2
            ends.append(start)
        at = max(ends) + 1.2
    return *sides, at


def words_of_speaker(speaker: str, call: Call) -> list[str]:
    return [word for one in call.segments if one["speaker"] == speaker for word in one["text"].split()]


def kill_often(run: RecordingRun, every: int) -> RecordingRun:
    """The run, whose worker is killed at every `every`th report of progress."""

    def work(run: RecordingRun, progress: Progress) -> None:
        reports, inside = 0, progress.inside

        def kill(part: float) -> None:
            nonlocal reports
            inside(part)
            reports += 1
            if reports == every:
                raise SystemExit

        progress.inside = kill  # type: ignore[method-assign]
        collect(run, progress)

    while True:
        try:
            return work_through(run, work)
        except SystemExit:
            RecordingRun.objects.filter(pk=run.pk).reclaim()
            RecordingRun.objects.filter(pk=run.pk).update(losses=0, poison_items=[], accused_item="")


@with_database
@pytest.mark.parametrize("store_interval", [None, 0.0], ids=["undisturbed", "killed again and again"])
def test_every_word_of_both_sides_is_transcribed_once_under_its_speaker(
    source: Source, monkeypatch: pytest.MonkeyPatch, settings: Settings, store_interval: float | None
) -> None:
    truth = {}
    for number in range(CALLS if store_interval is None else 2):
        name = exchange_name(number, kind="out" if number % 2 else "external")
        left, right, seconds = truth[Path(name).stem] = conversation(number)
        (Path(source.folder) / name).write_bytes(wav_of(make_side(left, seconds), make_side(right, seconds)))
    run = dispatch.start(RecordingRun, source.business, source=source, job_type="full")
    if store_interval is None:
        run = work_through(run, collect)
    else:
        settings.RUNS_FLUSH_INTERVAL_SECONDS = 0
        monkeypatch.setattr(transcribing, "STORE_INTERVAL_SECONDS", store_interval)
        run = kill_often(run, every=9)
        assert run.attempt > 3
    assert (run.status, run.succeeded) == ("completed", len(truth))
    for found in Call.objects.all():
        left, right, _seconds = truth[found.call_id]
        on_left, on_right = ("agent", "caller") if found.direction == "outbound" else ("caller", "agent")
        assert words_of_speaker(on_left, found) == [word for _start, word in left]
        assert words_of_speaker(on_right, found) == [word for _start, word in right]
        starts = [one["start"] for one in found.segments]
        assert starts == sorted(starts)
        turns = [first != second for first, second in zip(found.segments, found.segments[1:], strict=False)]
        assert sum(turns) >= 6, "a turn between two turns of the other side is between them in the transcript"


@with_database
def test_a_changed_setting_never_gives_both_channels_one_speaker(source: Source) -> None:
    call = Call(source=source, channels=2, direction="inbound", duration=3.0)
    first = TranscriptDraft(call, 2)
    first.add_utterance(Utterance(3.0, "en", Segment(0.5, 2.0, "alpha")))
    first.end_channel()
    call.segments, call.transcribed_channels = first.segments, first.channel
    source.agent_channel = "left"
    second = TranscriptDraft(call, 2)
    second.add_utterance(Utterance(3.0, "en", Segment(2.0, 3.0, "india")))
    assert [(one["speaker"], one["text"]) for one in second.segments_with_speakers()] == [
        ("agent", "alpha"),
        ("caller", "india"),
    ]
    call.segments = [{"start": 0.5, "end": 2.0, "text": "alpha", "speaker": "caller"}]
    assert TranscriptDraft(call, 2).segments_with_speakers() == call.segments, "stored by an earlier version"


@with_database
def test_a_segment_ends_where_its_side_falls_silent(source: Source) -> None:
    left, right = [(0.5, "alpha"), (1.3, "bravo"), (4.0, "hotel")], [(2.5, "delta")]
    (Path(source.folder) / exchange_name(1)).write_bytes(wav_of(make_side(left, 6.0), make_side(right, 6.0)))
    collect_source(source, job_type="full")
    call = Call.objects.get()
    assert [(one["speaker"], one["text"]) for one in call.segments] == [
        ("caller", "alpha bravo"), ("agent", "delta"), ("caller", "hotel"),
    ]  # fmt: skip
    assert find_calls('"alpha bravo"') == [call]
    assert not find_calls("caller")


@with_database
def test_the_language_is_that_of_the_first_speech(source: Source) -> None:
    Source.objects.update(language="")
    (Path(source.folder) / exchange_name(1)).write_bytes(wav_of(0 * ONE, OTHER))
    (Path(source.folder) / exchange_name(2)).write_bytes(wav_of(0 * ONE, 0 * ONE))
    collect_source(source, job_type="full")
    assert {call.transcript: call.language for call in Call.objects.all()} == {"● india paper": "en", "": ""}


@pytest.mark.parametrize(
    ("agent_channel", "initiator_is_left", "direction", "expected"),
    [
        ("", True, "inbound", ("caller", "agent")), ("", True, "outbound", ("agent", "caller")),
        ("", True, "internal", ("caller", "agent")), ("", True, "", ("caller", "agent")),
        ("", False, "inbound", ("caller", "agent")), ("", False, "outbound", ("caller", "agent")),
        ("left", True, "inbound", ("agent", "caller")), ("left", False, "outbound", ("agent", "caller")),
        ("right", True, "outbound", ("caller", "agent")), ("right", False, "inbound", ("caller", "agent")),
    ],
)  # fmt: skip
def test_speakers_are_assigned_by_direction_and_channel(
    agent_channel: str, initiator_is_left: bool, direction: str, expected: tuple[str, str]
) -> None:
    options = {"agent_channel": agent_channel, "initiator_is_left": initiator_is_left, "direction": direction}
    assert speakers_by_channel(2, **options) == expected  # type: ignore[arg-type]
    assert speakers_by_channel(1, **options) == ("",)  # type: ignore[arg-type]


def test_simultaneous_speech_is_shown_side_by_side() -> None:
    segments: Any = [
        {"start": 0.0, "end": 9.0, "text": "a"}, {"start": 9.5, "end": 11.0, "text": "c"},
        {"start": 3.0, "end": 4.0, "text": "b"}, {"start": 9.5, "end": 10.0, "text": "d"},
    ]  # fmt: skip
    assert [one["text"] for one in merge_by_time(segments)] == ["a", "b", "d", "c"]


@pytest.mark.parametrize(
    ("text", "stretches", "expected"),
    [
        ("Good morning. My name is Green.", [(0.0, 1.2), (5.0, 6.6)], ["Good morning.", "My name is Green."]),
        ("one two three four", [(0.0, 1.0), (3.0, 6.0)], ["one", "two three four"]),
        ("yes", [(0.0, 1.0), (3.0, 6.0)], ["", "yes"]),
        ("one two", [(0.0, 6.0)], ["one two"]),
        ("", [(0.0, 1.0), (3.0, 6.0)], ["", ""]),
        ("החשבונית שולמה. תודה רבה", [(0.0, 2.0), (9.0, 10.0)], ["החשבונית שולמה.", "תודה רבה"]),
    ],
)
def test_words_are_distributed_over_the_voiced_stretches(text: str, stretches: Any, expected: list[str]) -> None:
    assert distribute_words(text, stretches) == expected


def test_pauses_within_a_turn_are_parts_of_it() -> None:
    side = make_side([(1.0, "alpha"), (1.9, "bravo"), (5.0, "delta"), (5.7, "hotel")], 8.0)
    stretches = find_voiced_stretches(side, 8000)
    assert [(round(first, 1), round(last, 1)) for first, last in stretches] == [(1.0, 2.5), (5.0, 6.3)]
    assert find_voiced_stretches(0 * side, 8000) == find_voiced_stretches(side[:10], 8000) == []


def test_an_attempt_continues_in_a_pause_or_at_the_end_of_a_window() -> None:
    """Never at the end of a word by the model's timing: the rest of the word would be transcribed as another."""
    side = make_side([(0.5, "alpha"), (1.5, "bravo"), (2.5, "delta"), (5.0, "hotel")], 7.0)
    utterances = list(Transcriber(ToneModel()).transcribe_side(iter([np.repeat(side, 2)]), language="en", start=10.0))
    assert [utterance.segment and utterance.segment.text for utterance in utterances] == ["alpha bravo delta", "hotel"]
    assert [utterance.reached for utterance in utterances] == pytest.approx([14.05, 17.0], abs=0.05)


def test_transcripts_contain_nothing_that_the_database_refuses() -> None:
    class Model(ToneModel):
        def transcribe(self, samples: Any, **options: Any) -> Any:
            return iter([SimpleNamespace(start=0.0, end=1.0, text=" a\0b \ud800 ")]), SimpleNamespace(language="en")

    [utterance] = Transcriber(Model()).transcribe_call(iter([np.zeros(16_000, np.float32)]), language="en")
    assert utterance.segment
    assert utterance.segment.text == "ab ?"


# What is no two sides


ONE, OTHER = make_side([(0.5, "alpha"), (1.5, "bravo")], 3.0), make_side([(1.0, "india"), (2.0, "paper")], 3.0)
NOISE = np.random.default_rng(1).normal(0, 0.002, len(ONE)).astype(np.float32)


@pytest.mark.parametrize(
    ("left", "right", "channels"),
    [
        (ONE, OTHER, 2), (ONE, OTHER + 0.1 * ONE, 2), (ONE, NOISE, 2), (ONE, 0.05 * ONE, 2), (ONE, 0 * ONE, 2),
        (ONE, ONE, 1), (ONE, ONE + NOISE, 1), (ONE, 0.7 * ONE, 1), (ONE, -ONE, 1), (0 * ONE, 0 * ONE, 1),
    ],
    ids=["sides", "with an echo", "noise", "only an echo", "silence", "same", "nearly", "quieter", "antiphase", "none"],
)  # fmt: skip
def test_channels_with_the_same_sound_are_one(
    reader: AudioReader, tmp_path: Path, left: Any, right: Any, channels: int
) -> None:
    path = tmp_path / "sound.wav"
    path.write_bytes(wav_of(left, right))
    assert reader.check_recording(path).channels == channels
    for channel, expected in enumerate((left, right)):
        [samples] = reader.read_samples(path, channel=channel, start=0.0, window=60.0)
        assert np.abs(samples[::2] - expected).max() < 0.06, "nothing of the other channel"


@with_database
def test_identical_or_inverted_channels_are_transcribed_as_mono(source: Source) -> None:
    for number, right in enumerate((-ONE, ONE)):
        (Path(source.folder) / exchange_name(number)).write_bytes(wav_of(ONE, right))
    collect_source(source, job_type="full")
    for found in Call.objects.all():
        assert [(one["speaker"], one["text"]) for one in found.segments] == [("", "alpha bravo")]
        assert (found.channels, found.transcript) == (1, "alpha bravo")


def test_more_than_two_channels_are_mixed(reader: AudioReader, tmp_path: Path) -> None:
    (tmp_path / "sound.wav").write_bytes(wav_of(ONE, 0 * ONE, OTHER, 0 * ONE))
    assert reader.check_recording(tmp_path / "sound.wav").channels == 1
    [samples] = reader.read_samples(tmp_path / "sound.wav", start=0.0, window=60.0)
    assert np.abs(samples[16_000:22_000]).max() > 0.05


@with_database
@pytest.mark.parametrize(("transcribed_to", "channels"), [(0.0, 2), (0.3, 1)], ids=["fetched", "begun"])
def test_a_call_fetched_before_channels_were_checked_is_checked_later(
    source: Source, transcribed_to: float, channels: int
) -> None:
    (Path(source.folder) / exchange_name(1)).write_bytes(wav_of(ONE, OTHER))
    collect_source(source)
    Call.objects.update(channels=None, transcribed_to=transcribed_to)
    collect_source(source, job_type="full")
    assert Call.objects.get().channels == channels


# Twilio


@with_database
def test_both_channels_are_requested_from_twilio(business_a: Business, settings: Settings) -> None:
    both, mixed = wav_of(ONE, OTHER), wav_of(ONE / 2 + OTHER / 2)
    calls = [
        make_served_call(1, both, channels=2, mixed=mixed, inbound=True),
        make_served_call(2, both, channels=2, mixed=mixed, inbound=False),
        make_served_call(3, wav_of(make_side([(0.5, "alpha")], 30.0)), mishaps=[("reset", 300_000)]),
    ]
    with serve_twilio(settings, calls) as server:
        run = collect_source(twilio_source(business_a, language="en"), job_type="full")
    assert (run.status, run.succeeded) == ("completed", 3)
    dual, outbound, mono = Call.objects.order_by("call_id")
    for found in (dual, outbound):
        assert (words_of_speaker("caller", found), words_of_speaker("agent", found)) == (
            ["alpha", "bravo"],
            ["india", "paper"],
        )
    assert (mono.channels, [one["speaker"] for one in mono.segments]) == (1, [""])
    assert (server.fetched[mono.call_id], server.refused[mono.call_id]) == (2, 2)
    assert server.sent[mono.call_id] < 1.5 * calls[2].size, "it was gone on with in the channel that it has"


# What readers are shown


@with_database
def test_readers_see_the_speaker_of_each_segment(source: Source, as_member_a: APIClient) -> None:
    (Path(source.folder) / exchange_name(1)).write_bytes(wav_of(ONE, OTHER))
    collect_source(source, job_type="full")
    [row] = as_member_a.get("/api/recordings/", {"business": source.business_id}).json()["results"]
    transcript = as_member_a.get(row["transcript"]).json()
    assert (row["channels"], row["transcript_state"]) == (2, "done")
    assert transcript["text"].splitlines()[:2] == ["Caller: alpha bravo", "Agent: india paper"]
    assert [one["speaker"] for one in transcript["segments"]][:2] == ["caller", "agent"]
