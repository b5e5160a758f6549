"""A folder that an exchange fills: what is listed, what is fetched, and what its rubbish does to a run."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.files.storage import default_storage
from pytest_django import Settings

from demo import calls
from recordings.collection.collect import collect
from recordings.models import Call, Recording, RecordingRun
from recordings.sources.folder.source import plausible_duration
from runs.lifecycle import dispatch
from runs.models import Business
from tests.actors import work_through
from tests.telephony import collect_source, exchange_name, folder_source, outcomes_by_key, record_flushes, wav

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    folder = tmp_path / "exchange"
    folder.mkdir()
    settings.RECORDINGS_FOLDERS = [str(tmp_path)]
    return folder


def test_time_direction_and_number_are_read_from_the_file_name(business_a: Business, folder: Path) -> None:
    (folder / "2024" / "01" / "31").mkdir(parents=True)
    names = {
        "out-0501234567-101-20240131-101112-1706695872.123": ("outbound", "0501234567"),
        "external-101-+972501234567-20240131-101113-1706695873.124": ("inbound", "+972501234567"),
        "q-600-0541112222-20240131-101114-1706695874.125": ("inbound", "0541112222"),
        "internal-102-101-20240131-101115-1706695875.126": ("internal", "101"),
        "force-0501111111-3201-20240131-101116-1706695876.127": ("", "3201"),
    }
    for name in names:
        (folder / "2024" / "01" / "31" / f"{name}.wav").write_bytes(wav())
    run = collect_source(folder_source(business_a, folder))
    assert (run.status, run.processed, run.succeeded) == ("completed", 5, 5)
    assert {call.call_id: (call.direction, call.number) for call in Call.objects.all()} == names
    first = Call.objects.order_by("started_at").first()
    assert first
    assert first.started_at == datetime(2024, 1, 31, 10, 11, 12, tzinfo=UTC)


def test_metadata_beside_a_file_wins_over_its_name(business_a: Business, folder: Path) -> None:
    Business.objects.filter(pk=business_a.pk).update(time_zone="Asia/Jerusalem")  # of a time that names no zone
    business_a.refresh_from_db()
    (folder / "a.wav").write_bytes(wav())
    notes = {"number": "0509", "direction": "outbound", "started_at": "2024-02-03T04:05:06Z"}
    (folder / "a.json").write_text(json.dumps(notes))
    (folder / "b.wav").write_bytes(wav(mark=1))
    (folder / "c.wav").write_bytes(wav(mark=2))
    rows = (
        "file,direction,number,started_at",
        "b.wav,inbound,0508,2024-02-03T05:00:00+01:00",
        "c.wav,inbound,0507,2024-07-03T05:00:00",
    )
    (folder / "calls.csv").write_text("\n".join(rows))
    collect_source(folder_source(business_a, folder))
    listed = {call.call_id: (call.direction, call.number, call.started_at) for call in Call.objects.all()}
    assert listed == {
        "a": ("outbound", "0509", datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)),
        "b": ("inbound", "0508", datetime(2024, 2, 3, 4, 0, tzinfo=UTC)),
        "c": ("inbound", "0507", datetime(2024, 7, 3, 2, 0, tzinfo=UTC)),
    }


def test_files_arrive_byte_for_byte(business_a: Business, folder: Path) -> None:
    content = wav(3.0)
    (folder / exchange_name(1)).write_bytes(content)
    collect_source(folder_source(business_a, folder))
    call = Call.objects.get()
    with default_storage.open(str(call.file.name)) as file:
        assert file.read() == content
    assert (call.size, call.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert call.content_type == "audio/wav"
    assert call.duration == pytest.approx(3.0, abs=0.3)


def test_days_and_direction_narrow_the_run(business_a: Business, settings: Settings) -> None:
    source = folder_source(business_a, calls.FOLDERS["business-a"])
    run = collect_source(source, from_date=date(2024, 11, 3), to_date=date(2024, 11, 6), direction="outbound")
    assert (run.total, [call.number for call in Call.objects.all()]) == (1, ["0521112233"])


def test_an_unreadable_file_is_a_failed_item_with_its_reason(
    business_a: Business, folder: Path, settings: Settings
) -> None:
    settings.RECORDINGS_MAX_BYTES = 100_000
    whole = wav(2.0)
    files = {
        exchange_name(1): (b"", ("failed", "empty")),
        exchange_name(2): (whole[:9000], ("failed", "truncated")),
        exchange_name(3): (b"<html>404</html>", ("failed", "not_audio")),
        exchange_name(4, suffix="mp3"): (b"\x89PNG\r\n\x1a\n" + bytes(500), ("failed", "not_audio")),
        exchange_name(5): (wav(60.0), ("failed", "too_large")),
        exchange_name(6, suffix="mp3"): (whole, ("done", "")),  # a WAV under a wrong ending is a WAV all the same
        "someone's voice.wav": (whole, ("failed", "misnamed")),
        exchange_name(7): (whole, ("done", "")),
        "notes.txt": (b"not even listed", None),
    }
    for name, (content, _) in files.items():
        (folder / name).write_bytes(content)
    run = collect_source(folder_source(business_a, folder))
    assert (run.status, run.processed, run.failed, run.succeeded) == ("completed", 8, 6, 2)
    outcomes = outcomes_by_key(run)
    for name, (_, outcome) in files.items():
        key = name if outcome == ("failed", "misnamed") else Path(name).stem
        assert outcomes.get(key) == outcome, name
    for item in run.items.exclude(error_code=""):
        assert item.error_message.endswith("."), item.error_message
    assert not list(Path(django_settings.MEDIA_ROOT, "incoming").iterdir()), "no half file stays"


def test_a_second_run_fetches_nothing_again(business_a: Business, folder: Path) -> None:
    for second in range(3):
        (folder / exchange_name(second)).write_bytes(wav(mark=second))
    source = folder_source(business_a, folder)
    collect_source(source)
    for path in folder.iterdir():
        path.write_bytes(b"would be noticed")
    again = collect_source(source)
    assert (again.status, again.processed, again.skipped) == ("completed", 3, 3)
    assert Call.objects.count() == 3
    assert Recording.objects.count() == 6


def test_a_retry_processes_failed_items_only(business_a: Business, folder: Path) -> None:
    (folder / exchange_name(1)).write_bytes(wav())
    (folder / exchange_name(2)).write_bytes(b"")
    run = collect_source(folder_source(business_a, folder))
    assert (run.failed, run.succeeded) == (1, 1)
    (folder / exchange_name(2)).write_bytes(wav(mark=2))
    (folder / exchange_name(3)).write_bytes(wav(mark=3))
    again = work_through(dispatch.retry_failed(run, None), collect)
    assert (again.status, again.total, again.succeeded) == ("completed", 1, 1)
    assert Call.objects.with_file().count() == 2, "the third belongs to no retry"


@pytest.mark.parametrize("where", ["elsewhere", "exchange/missing", "exchange/../../.."])
def test_only_offered_folders_are_read(business_a: Business, folder: Path, settings: Settings, where: str) -> None:
    (folder.parent / "elsewhere").mkdir()
    settings.RECORDINGS_FOLDERS = [str(folder)]
    run = collect_source(folder_source(business_a, folder.parent / where))
    assert (run.status, run.error_code) == ("failed", "rejected")
    assert "folder" in run.error_message


def test_links_out_of_the_folder_are_not_followed(business_a: Business, folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(wav())
    (folder / exchange_name(1)).symlink_to(secret)
    assert collect_source(folder_source(business_a, folder)).total == 0


def test_one_name_in_two_folders_is_two_calls_unless_it_is_an_exchanges_own(business_a: Business, folder: Path) -> None:
    own = "out-0501234567-101-20240131-101112-1706695872.123"
    for number, day in enumerate(("30", "31")):
        (folder / day).mkdir()
        (folder / day / "call-1.wav").write_bytes(wav(mark=number))
        (folder / day / "call-1.json").write_text(json.dumps({"number": f"050{number}"}))
        (folder / day / f"{own}.wav").write_bytes(wav(mark=2))
    collect_source(folder_source(business_a, folder))
    assert set(Call.objects.values_list("call_id", flat=True)) == {"30/call-1", "31/call-1", own}


def test_an_absurd_length_does_not_distort_the_progress(business_a: Business, folder: Path, settings: Settings) -> None:
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0
    lying = bytearray(wav(60.0, mark=1))
    lying[28:32] = (1).to_bytes(4, "little")  # bytes a second: eleven days
    (folder / exchange_name(1)).write_bytes(wav(60.0))
    (folder / exchange_name(2)).write_bytes(lying)
    (folder / exchange_name(3)).write_bytes(wav(60.0, mark=3))
    run = dispatch.start(RecordingRun, business_a, source=folder_source(business_a, folder), job_type="download")
    with record_flushes(run) as shown:
        assert work_through(run, collect).succeeded == 3
    bars = {seen.processed: seen.progress_pct for seen in reversed(shown)}  # as each item has just been done
    assert [bars[1], bars[2]] == pytest.approx([33.3, 66.7], abs=0.5)


@pytest.mark.parametrize("seconds", [-1e9, 0.0, 1e15, float("inf"), float("nan")])
def test_a_length_that_a_file_cannot_have_is_ignored(seconds: float) -> None:
    assert plausible_duration(seconds, size=100_000) is None
    assert plausible_duration(12.5, size=100_000) == 12.5
