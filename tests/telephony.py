"""Sources of recordings for tests: folders of files, and Twilio's wire format on the loopback."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from demo.fakes.twilio import SID, TOKEN, ServedCall, TwilioServer, serve
from recordings.collection.collect import collect
from recordings.models import Call, RecordingRun, Source
from runs.lifecycle import dispatch
from runs.models import Business
from runs.progress.flush import flush
from tests.actors import read_run, work_through

NOON = datetime(2024, 11, 5, 12, 0, tzinfo=UTC)
HISS = bytes(range(256)) * 16


def wav(seconds: float = 1.0, *, rate: int = 8000, mark: int = 0) -> bytes:
    """A sound file without speech; another `mark` makes a different one."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((HISS[mark:] + HISS[:mark]) * (int(seconds * rate * 2) // len(HISS) + 1))
    return file.getvalue()


def make_served_call(nth: int, content: bytes | None = None, **fields: Any) -> ServedCall:
    """The `nth` call, a minute after the one before it."""
    return ServedCall(
        sid=f"RE{nth:032d}",
        content=wav(2.0, mark=nth % 256) if content is None else content,
        started_at=fields.pop("started_at", NOON + timedelta(minutes=nth)),
        seconds=fields.pop("seconds", 2),
        **fields,
    )


def exchange_name(seconds: int, *, kind: str = "external", by: str = "0501234567", suffix: str = "wav") -> str:
    """The file name of FreePBX for the recording of a call `seconds` after noon."""
    moment = NOON + timedelta(seconds=seconds)
    return f"{kind}-101-{by}-{moment:%Y%m%d-%H%M%S}-{int(moment.timestamp())}.{seconds}.{suffix}"


def folder_source(business: Business, folder: Path, **fields: Any) -> Source:
    return Source.objects.create(
        business=business, name="exchange", kind=Source.Kind.FOLDER, folder=str(folder), **fields
    )


def twilio_source(business: Business, **fields: Any) -> Source:
    return Source.objects.create(
        business=business,
        name="Twilio",
        kind=Source.Kind.TWILIO,
        account_sid=SID,
        **{"secret": TOKEN, **fields},
    )


@contextmanager
def serve_twilio(settings: Any, calls: Sequence[ServedCall], **options: Any) -> Iterator[TwilioServer]:
    """A server in place of Twilio's API, within the block."""
    with serve(list(calls), **options) as server:
        settings.TWILIO_API_URL = server.url
        settings.RECORDINGS_ALLOW_PRIVATE_HOSTS = True
        yield server


def collect_source(source: Source, **fields: Any) -> RecordingRun:
    """Run the source in this process; returns the run as readers see it afterwards."""
    run = dispatch.start(RecordingRun, source.business, source=source, **{"job_type": "download", **fields})
    return work_through(run, collect)


@contextmanager
def record_flushes(run: RecordingRun) -> Iterator[list[RecordingRun]]:
    """The run as readers see it after each flush."""
    shown: list[RecordingRun] = []

    def flush_and_record(*args: Any) -> str:
        requested = flush(*args)
        shown.append(read_run(run))
        return requested

    with mock.patch("runs.progress.progress.flush", flush_and_record):
        yield shown


def find_calls(words: str) -> list[Call]:
    """Those that a search for these words finds, the most certain first."""
    return [call for tier in Call.objects.match_tiers(words) for call in tier]


def outcomes_by_key(run: RecordingRun) -> dict[str, tuple[str, str]]:
    """The items' outcomes, as {key: (status, error code)}."""
    return {item.key: (item.status, item.error_code) for item in run.items.all()}
