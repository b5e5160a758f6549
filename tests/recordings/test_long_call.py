"""An hour-long call survives deploys and deaths, and the bar beside it is right after each of them.

At a tenth of its length: the sound is really decoded, its words are made up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from pytest_django import Settings

from recordings.collection import collect as collecting
from recordings.collection import stored_files
from recordings.collection import transcribe as transcribing
from recordings.collection.collect import collect
from recordings.models import Call, RecordingRun, Source
from recordings.transcription.transcriber import Segment, Utterance
from runs.lifecycle import dispatch
from runs.models import Business
from runs.models.audit import Actor
from runs.states import StopRequest
from tests.actors import read_run, work_through
from tests.telephony import HISS, exchange_name, folder_source, outcomes_by_key, record_flushes

pytestmark = pytest.mark.django_db(transaction=True)

SECOND = 8000  # bytes of µ-law
MINUTE = 60.0
HOUR = 360.0
AT_ONCE = 30.0  # seconds that the model transcribes before it yields an utterance
LONG, SHORT = Path(exchange_name(2)).stem, Path(exchange_name(1)).stem


class Killed(BaseException):
    """What the work meets where its process is killed: nothing after it runs."""


class Model:
    """Says something every thirty seconds; `interrupt` is called once a sentence, with the second that is reached."""

    def __init__(self) -> None:
        self.interrupt: Callable[[float], None] = lambda reached: None
        self.starts: list[float] = []
        self.at_once = AT_ONCE

    def transcribe_call(self, windows: Iterator[Any], *, language: str, start: float) -> Iterator[Utterance]:
        seconds, at = sum(len(window) / 16_000 for window in windows) + start, start
        self.starts.append(start)
        while at < seconds:
            end = min(seconds, at + self.at_once)
            yield Utterance(end, "en", Segment(at, end, f"From {at:.0f} to {end:.0f}."))
            at = end
            self.interrupt(at)


@pytest.fixture
def model(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Model:
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0
    monkeypatch.setattr(transcribing, "STORE_INTERVAL_SECONDS", 0.0)
    model = Model()
    monkeypatch.setattr(
        collecting, "is_model_loaded", lambda: False
    )  # each attempt loads it, and beats before anything
    monkeypatch.setattr(collecting, "load_transcriber", lambda: model)
    return model


@pytest.fixture
def source(business_a: Business, tmp_path: Path, settings: Settings) -> Source:
    settings.RECORDINGS_FOLDERS = [str(tmp_path)]
    return folder_source(business_a, tmp_path, language="en")


def start_run(source: Source, **seconds: float) -> RecordingRun:
    """A run over a short call and a long one."""
    for name, length in seconds.items():
        number = {"short": 1, "long": 2}[name]
        sound = (HISS * (int(length * SECOND) // len(HISS) + 1))[: int(length * SECOND)]
        (Path(source.folder) / exchange_name(number, suffix="ulaw")).write_bytes(sound)
    return dispatch.start(RecordingRun, source.business, source=source, job_type="full")


def killed_once(model: Model, run: RecordingRun, *, after: float = 0.0, call: int = 1) -> None:
    """In the next attempt, over its `call`th one, at the first sentence `after` so many seconds or later."""
    begun = len(model.starts)

    def kill(reached: float) -> None:
        if len(model.starts) >= begun + call and reached >= after:
            raise Killed

    model.interrupt = kill
    with pytest.raises(Killed):
        work_through(run, collect)
    model.interrupt = lambda reached: None


def transcript() -> str:
    return Call.objects.get(call_id=LONG).transcript


WHOLE = "\n".join(f"From {at:.0f} to {at + AT_ONCE:.0f}." for at in range(0, int(HOUR), int(AT_ONCE)))


def test_an_hour_is_transcribed_through_many_kills_with_progress_between(source: Source, model: Model) -> None:
    run = start_run(source, long=HOUR)
    for kill in range(6):
        killed_once(model, run, after=AT_ONCE * (2 * kill + 2))
        RecordingRun.objects.filter(pk=run.pk).reclaim()
        assert read_run(run).status == "queued", "a run that gets on isn't given up"
    end = work_through(run, collect)
    assert (end.status, end.succeeded, end.attempt) == ("completed", 1, 7)
    assert transcript() == WHOLE
    assert model.starts == sorted(set(model.starts)), "each attempt goes on where the last was"


@pytest.mark.parametrize("in_time", [True, False], ids=["in time", "killed by the deploy"])
def test_an_hour_is_transcribed_through_many_deploys(source: Source, model: Model, in_time: bool) -> None:
    run = start_run(source, long=HOUR)

    def deploy(reached: float) -> None:
        RecordingRun.objects.filter(pk=run.pk).request_stop(StopRequest.INTERRUPT, actor=None)

    for _deploy in range(5):
        if in_time:
            model.interrupt = deploy
            assert work_through(run, collect).status == "queued"
        else:
            killed_once(model, run)
            RecordingRun.objects.filter(pk=run.pk).reclaim(Actor("worker", "w"), is_death=False)
    model.interrupt = lambda reached: None
    end = work_through(run, collect)
    assert (end.status, end.succeeded, end.losses, end.poison_items) == ("completed", 1, 0, [])
    assert transcript() == WHOLE


def test_a_call_that_kills_its_worker_twice_is_failed_and_the_others_are_done(source: Source, model: Model) -> None:
    run = start_run(source, short=MINUTE, long=HOUR)
    for name in (3, 4):
        (Path(source.folder) / exchange_name(name, suffix="ulaw")).write_bytes(HISS * name)
    deaths = 0
    while read_run(run).status == "queued" and LONG not in read_run(run).poison_items:
        killed_once(model, run, after=MINUTE + 1)
        RecordingRun.objects.filter(pk=run.pk).reclaim()
        Call.objects.filter(call_id=LONG).update(segments=[], transcribed_to=0)  # it dies before anything is stored
        deaths += 1
        assert deaths < 5
    killed_once(model, run)  # in the call after it
    RecordingRun.objects.filter(pk=run.pk).reclaim()
    end = work_through(run, collect)
    assert (end.status, end.processed, end.succeeded, end.failed, end.total) == ("completed", 4, 3, 1, 4)
    assert outcomes_by_key(end)[LONG] == ("failed", "poison")


def test_the_bar_after_a_lost_worker_shows_the_stored_progress(source: Source, model: Model) -> None:
    """A short call that is done is half of the calls, and a quarter of the work."""
    run = start_run(source, short=60.0, long=191.0)
    model.at_once = 10.0
    with record_flushes(run) as before:
        killed_once(model, run, call=2)
    RecordingRun.objects.filter(pk=run.pk).reclaim()
    Call.objects.filter(call_id=LONG).update(segments=[], transcribed_to=0)  # nothing had been stored
    [known] = {flushed.progress_pct for flushed in before if flushed.processed == 1 and flushed.current_pct == 100}
    highest = before[-1].progress_pct or 0
    with record_flushes(run) as after:
        end = work_through(run, collect)
    assert (known, end.status) == (22.3, "completed")
    bars = [flushed.progress_pct or 0 for flushed in (*before, *after)]
    assert bars == sorted(bars)
    for flushed in after:
        if flushed.processed < 2:
            true = 100 * (60 + 191 * (flushed.current_pct or 0) / 100) / 251
            assert flushed.progress_pct is not None
            assert flushed.progress_pct <= max(highest, true + 1)  # fetching was a part of the work, and is done


class StorageElsewhere:
    """Like one in a cloud: its files have no place on this machine."""

    def __getattr__(self, name: str) -> Any:
        return getattr(default_storage, name)

    def path(self, name: str) -> str:
        raise NotImplementedError


def test_a_call_in_a_remote_storage_is_transcribed_from_a_copy(
    source: Source, model: Model, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    monkeypatch.setattr(stored_files, "default_storage", StorageElsewhere())
    settings.STORAGES = {**settings.STORAGES, "default": elsewhere}
    run = work_through(start_run(source, short=MINUTE), collect)
    assert (run.status, run.succeeded) == ("completed", 1)
    assert Call.objects.get().transcript == "From 0 to 30.\nFrom 30 to 60."
    assert not [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]
