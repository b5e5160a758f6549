"""A storm over folders of recordings. They are fetched; those of one folder are transcribed too, with a model."""

from __future__ import annotations

import os
import random
import shutil
import wave
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from demo import calls
from progress_project.local.environment import demo_model
from recordings.models import RecordingRun, Source
from runs.lifecycle import dispatch
from runs.models import Business

from ..guarantees.logs import Record

SECONDS: Final = 4  # each recording
RATE: Final = 8000
FETCH_SECONDS: Final = 0.04  # for one recording, roughly
MOST_FILES: Final = 20_000  # 64 kB each
FIRST_CALL: Final = 1_730_800_000  # seconds since 1970


class Recordings:
    model = RecordingRun

    def __init__(self, runs: int, seconds: float, folder: Path, *, transcribe: bool) -> None:
        self.runs, self.folder = runs, folder
        self.files = max(20, min(int(seconds / FETCH_SECONDS), MOST_FILES) // runs)
        self.transcribe = transcribe and bool(demo_model())
        self.described = f"{runs} folders of {self.files:,} recordings"
        if self.transcribe:
            self.described += ", and one whose calls are transcribed"

    def served(self) -> nullcontext[None]:
        return nullcontext()

    def start(self) -> Sequence[RecordingRun]:
        runs = [self._start(f"storm-{number}", self._filled(number)) for number in range(self.runs)]
        if self.transcribe:
            runs.append(self._start("storm-spoken", self._copy_calls_with_speech(), RecordingRun.JobType.FULL))
        return runs

    def _start(self, slug: str, folder: Path, job_type: str = RecordingRun.JobType.DOWNLOAD) -> RecordingRun:
        business = Business.objects.create(slug=slug, name="Storm")
        source = Source.objects.create(
            business=business, name="Storm", kind=Source.Kind.FOLDER, folder=str(folder), language="en"
        )
        return dispatch.start(RecordingRun, business, source=source, job_type=job_type)

    def _filled(self, number: int) -> Path:
        folder = self.folder / str(number)
        folder.mkdir(parents=True)
        hiss = random.Random(number)
        for nth in range(self.files):
            moment = FIRST_CALL + 60 * nth
            path = folder / f"external-101-0501234567-20241105-120000-{moment}.{nth}.wav"
            _write_wav(path, hiss.randbytes(SECONDS * RATE * 2))
        return folder

    def _copy_calls_with_speech(self) -> Path:
        folder = self.folder / "spoken"
        shutil.copytree(calls.FOLDERS["business-a"], folder)
        for path in folder.rglob("*.*"):
            _make_old(path)
        return folder

    def records(self) -> Iterator[Record]:
        return iter(())


def _write_wav(path: Path, samples: bytes) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples)
    _make_old(path)


def _make_old(path: Path) -> None:
    """A new file might still be written to."""
    os.utime(path, (FIRST_CALL, FIRST_CALL))
