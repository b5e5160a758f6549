"""Strange files in an exchange's folder: each is a failed item or a warning, and the run continues after it."""

from __future__ import annotations

import json
import os
import socket
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.files.storage import default_storage
from django.db import DataError
from pytest_django import Settings

from demo.calls import FOLDERS
from recordings import regular_files
from recordings.collection import collect as collecting
from recordings.collection import process as processing
from recordings.collection.download import fetch_recording
from recordings.models import Call, RecordingRun, Source
from recordings.sources import Interrupted, LeftOut, LeftOutReason, ListedCall, Period
from recordings.sources.folder import walk
from recordings.sources.folder.root import MAX_DEPTH, FolderRoot
from recordings.sources.folder.source import FolderSource
from runs.models import Business
from tests.processor_time import has_grown_in_proportion, seconds_of
from tests.telephony import NOON, collect_source, exchange_name, folder_source, outcomes_by_key, wav

pytestmark = pytest.mark.django_db(transaction=True)

FAR_AWAY = ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2024-13-45", "x" * 10_000]


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    folder = tmp_path / "exchange"
    folder.mkdir()
    settings.RECORDINGS_FOLDERS = [str(tmp_path)]
    return folder


@pytest.fixture
def source(business_a: Business, folder: Path) -> Source:
    (folder / exchange_name(99)).write_bytes(wav(mark=99))  # a healthy neighbour in each of these folders
    return folder_source(business_a, folder)


def is_done(run: RecordingRun) -> bool:
    """Has the run gone on to its end, and done the healthy one?"""
    return run.status == "completed" and outcomes_by_key(run)[Path(exchange_name(99)).stem] == ("done", "")


# Names


def test_file_names_in_another_encoding_are_read(source: Source, folder: Path) -> None:
    contents = {}
    for number, byte in enumerate((b"\xe9", b"\xff")):
        name = os.fsencode(exchange_name(number, by="BYTE")).replace(b"BYTE", byte)
        contents[f"\\x{byte.hex()}"] = content = wav(mark=number)
        (folder / os.fsdecode(name)).write_bytes(content)
    run = collect_source(source)
    assert is_done(run)
    assert run.succeeded == 3
    for by, content in contents.items():
        call = Call.objects.get(number=by)
        assert by in call.call_id
        with default_storage.open(str(call.file.name)) as stored:
            assert stored.read() == content
    assert collect_source(source).skipped == 3


def test_an_undecodable_name_without_a_time_is_misnamed(source: Source, folder: Path) -> None:
    (folder / os.fsdecode(b"caf\xe9 \x01.wav")).write_bytes(wav())
    run = collect_source(source)
    assert is_done(run)
    assert run.items.get(error_code="misnamed").key == "caf\\xe9 \x01.wav"


def test_long_names_are_cut_and_stay_apart(source: Source, folder: Path) -> None:
    for mark in "ab":
        (folder / exchange_name(1, by=f"{'9' * 180}{mark}")).write_bytes(wav())
    run = collect_source(source)
    assert is_done(run)
    assert run.succeeded == 3
    assert {call.number for call in Call.objects.filter(number__startswith="999")} == {"9" * 64}


def test_a_path_too_long_to_be_stored_is_a_failed_item(source: Source, folder: Path) -> None:
    deep = folder.joinpath(*["d" * 200] * 6)
    deep.mkdir(parents=True)
    (deep / exchange_name(1)).write_bytes(wav())
    run = collect_source(source)
    assert is_done(run)
    assert "too long" in run.items.get(status="failed").error_message


def test_the_same_call_in_two_formats_is_one_call(source: Source, folder: Path) -> None:
    for suffix in ("wav", "mp3"):
        (folder / exchange_name(1, suffix=suffix)).write_bytes(wav())
    run = collect_source(source)
    assert is_done(run)
    assert Call.objects.count() == 2


# What is written beside


STRANGE_NOTES = [
    b"[" * 60_000,
    b'{"number": ' + b"[" * 900 + b"]" * 900 + b"}",
    b'{"a": ' * 900 + b"1" + b"}" * 900,
    b'{"number": ' + b"9" * 5000 + b"}",
    b'{"number": "' + b"9" * 1_000_000 + b'"}',
    b'{"number": NaN, "direction": ["inbound"]}',
    b"[]",
    b"\xff\xfe\x00",
    *(json.dumps({"started_at": moment}).encode() for moment in FAR_AWAY),
]


def test_invalid_notes_beside_a_recording_are_ignored(source: Source, folder: Path) -> None:
    for number, notes in enumerate(STRANGE_NOTES):
        (folder / exchange_name(number)).write_bytes(wav(mark=number))
        (folder / exchange_name(number, suffix="json")).write_bytes(notes)
    run = collect_source(source)
    assert is_done(run)
    assert run.succeeded == len(STRANGE_NOTES) + 1
    assert not Call.objects.exclude(started_at__year=NOON.year)


def test_notes_are_stored_without_what_the_database_refuses(source: Source, folder: Path) -> None:
    (folder / "a.wav").write_bytes(wav())
    (folder / "a.json").write_bytes(b'{"number": "05\\u00000\\ud800' + b"1" * 100 + b'", "direction": "\\u0000"}')
    run = collect_source(source)
    assert is_done(run)
    assert Call.objects.get(call_id="a").number == f"050?{'1' * 60}"


def test_a_table_of_a_million_columns_is_read_once(source: Source, folder: Path) -> None:
    def collect_beside_table(columns: int) -> None:
        (folder / "calls.csv").write_bytes(b"file,number" + b"," * columns + b"\n" + b"x\n" * (columns // 2))
        runs.append(collect_source(source))

    runs: list[RecordingRun] = []
    whole, tenth = (seconds_of(collect_beside_table, columns) for columns in (1_000_000, 100_000))
    assert is_done(runs[0])
    assert has_grown_in_proportion(whole, tenth)


@pytest.mark.parametrize("content", [b"x" * 17_000_000, b'file,number\n"' + b"x" * 200_000], ids=["large", "long"])
def test_an_unreadable_table_is_a_warning(source: Source, folder: Path, content: bytes) -> None:
    (folder / "calls.csv").write_bytes(content)
    run = collect_source(source)
    assert is_done(run)
    assert run.warnings == ["1 file of notes about the calls can't be read: calls.csv"]


def test_a_table_in_another_encoding_matches_existing_files(source: Source, folder: Path) -> None:
    (folder / os.fsdecode(b"caf\xe9.wav")).write_bytes(wav())
    (folder / "calls.csv").write_bytes(b"file,number\ncaf\xe9.wav,05\x0009\n")
    assert is_done(collect_source(source))
    assert Call.objects.get(number="0509")


# What is no recording


def test_only_regular_files_are_opened(source: Source, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(folder / exchange_name(1))
    os.mkfifo(folder / "calls.csv")
    os.mkfifo(folder / exchange_name(99, suffix="json"))
    (folder / exchange_name(2)).mkdir()
    with socket.socket(socket.AF_UNIX) as there:
        monkeypatch.chdir(folder)  # the name of a socket may be no longer
        there.bind(exchange_name(3))
        run = collect_source(source)
    assert is_done(run)
    assert run.total == 1
    assert sorted(run.warnings) == [
        f"2 files of notes about the calls can't be read: calls.csv, {exchange_name(99, suffix='json')}",
        f"2 items aren't regular files and were not opened: {exchange_name(1)}, {exchange_name(3)}",
    ]


def test_a_recording_that_turns_into_a_pipe_is_not_waited_for(source: Source, folder: Path) -> None:
    (folder / exchange_name(1)).write_bytes(wav())
    real = processing.process_recording

    def exchanged(*args: Any) -> None:
        (folder / exchange_name(1)).unlink(missing_ok=True)
        os.mkfifo(folder / exchange_name(1))
        real(*args)
        (folder / exchange_name(1)).unlink()

    with mock.patch.object(collecting, "process_recording", exchanged):
        run = collect_source(source)
    assert is_done(run)
    assert outcomes_by_key(run)[Path(exchange_name(1)).stem] == ("failed", "not_a_file")


def test_links_within_the_folder_are_read_and_others_named(source: Source, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.wav").write_bytes(wav())
    (folder / "store").mkdir()
    (folder / "store" / "x.bin").write_bytes(wav(mark=3))
    links = {1: "store/x.bin", 2: "../outside.wav", 3: "nowhere.wav", 4: exchange_name(4)}
    for number, target in links.items():
        (folder / exchange_name(number)).symlink_to(target)
    (folder / "days").symlink_to("store")
    (folder / "notes.txt").symlink_to("nowhere")
    run = collect_source(source)
    assert is_done(run)
    assert (run.total, run.succeeded) == (2, 2)
    [warning] = run.warnings
    assert warning.startswith("4 links lead to folders, out of the source or to nothing")
    assert all(name in warning for name in ("days", *map(exchange_name, (2, 3, 4))))


def test_unsupported_kinds_of_sound_are_named(source: Source, folder: Path) -> None:
    for suffix in ("vox", "g729", "WMA", "txt"):
        (folder / exchange_name(1, suffix=suffix)).write_bytes(b"sound")
    run = collect_source(source)
    assert is_done(run)
    names = ", ".join(exchange_name(1, suffix=suffix) for suffix in ("WMA", "g729", "vox"))
    assert run.warnings == [f"3 recordings have an unsupported format: {names}"]


def test_the_audio_formats_of_exchanges_are_read(source: Source, folder: Path) -> None:
    raw, others = ["ulaw", "alaw", "sln", "sln16", "g722"], ["WAV", "wav49", "mp4"]
    for number, suffix in enumerate(raw + others):
        (folder / exchange_name(number, suffix=suffix)).write_bytes(wav(2.0)[44 if suffix in raw else 0 :])
    run = collect_source(source)
    assert is_done(run)
    assert run.succeeded == len(raw + others) + 1
    endings = [call.download_name().rpartition(".")[2] for call in Call.objects.order_by("started_at")]
    assert endings[:-1] == [*raw, "wav", "wav", "wav"]


# Sizes


def test_a_file_that_is_too_large_is_refused_without_reading_it(source: Source, folder: Path) -> None:
    huge = folder / exchange_name(1, suffix="mp3")
    huge.write_bytes(b"RIFF\0\0\0\0WAVE")
    os.truncate(huge, 2**31)
    with mock.patch("recordings.audio.reader.AudioReader.read_duration", side_effect=AssertionError("opened")):
        run = collect_source(source)
    assert is_done(run)
    assert outcomes_by_key(run)[huge.stem] == ("failed", "too_large")


def test_only_new_recordings_are_examined(source: Source, folder: Path) -> None:
    [path] = FOLDERS["business-b"].rglob("*.301.mp3")
    (folder / path.name).write_bytes(path.read_bytes())
    assert is_done(collect_source(source))
    with mock.patch.object(FolderSource, "examine_recording", side_effect=AssertionError("opened again")):
        assert collect_source(source).skipped == 2


def test_listing_beats_however_little_it_finds(folder: Path) -> None:
    for number in range(500):
        (folder / f"{number}.txt").touch()
    (folder / "calls.csv").write_text("file\n" * 5000)
    beat = mock.Mock()
    listing = FolderSource(str(folder), beat=beat, read_duration=lambda path: None)
    assert list(listing.list_calls(Period(), "")) == []
    assert beat.call_count > 500


# What can't be read


def forbidden(place: Path) -> Any:
    """One folder is refused: the user who runs the tests may have permission for all of them."""
    real = FolderRoot.open_folder

    def open_folder(root: FolderRoot, path: Path) -> Any:
        if path == place:
            raise PermissionError(13, "Permission denied")
        return real(root, path)

    return mock.patch.object(FolderRoot, "open_folder", open_folder)


def test_an_unreadable_folder_is_a_warning(source: Source, folder: Path) -> None:
    (folder / "lost+found").mkdir()
    with forbidden(folder / "lost+found"):
        run = collect_source(source)
    assert is_done(run)
    assert run.warnings == ["1 folder can't be read: lost+found"]


def test_a_source_that_was_never_readable_is_rejected(source: Source, folder: Path) -> None:
    with forbidden(folder):
        run = collect_source(source)
    assert (run.status, run.error_code) == ("failed", "rejected")
    assert run.error_message == "The folder can't be read: Permission denied."


def test_the_run_waits_for_a_folder_that_is_away_for_a_moment(source: Source, folder: Path) -> None:
    collect_source(source)
    (folder / exchange_name(1)).write_bytes(wav())
    away = folder.rename(folder.with_name("away"))
    with mock.patch("runs.progress.progress.Progress.wait") as wait:
        wait.side_effect = lambda seconds, reason: away.rename(folder)
        run = collect_source(source)
    assert (run.status, run.succeeded, run.skipped) == ("completed", 1, 1)
    [waited] = wait.call_args_list
    assert str(waited.args[1]) == f"There is no folder {folder} on the worker's machine."


def test_a_share_unmounted_in_the_middle_loses_no_recording(source: Source, folder: Path) -> None:
    for number in range(3):
        (folder / exchange_name(number)).write_bytes(wav(mark=number))
    away = folder.with_name("away")
    real, left = processing.process_recording, [None]

    def process_and_unmount(*args: Any) -> None:
        if left:
            left.pop()
            folder.rename(away)
            folder.mkdir()  # what is there when nothing is mounted
        real(*args)

    def mounted(seconds: float, reason: object) -> None:
        folder.rmdir()
        away.rename(folder)

    with (
        mock.patch.object(collecting, "process_recording", process_and_unmount),
        mock.patch("runs.progress.progress.Progress.wait") as wait,
    ):
        wait.side_effect = mounted
        run = collect_source(source)
    assert (run.status, run.succeeded) == ("completed", 4)
    wait.assert_called_once()


def test_a_run_whose_folder_stays_away_can_be_retried(source: Source, folder: Path, settings: Settings) -> None:
    settings.RECORDINGS_AWAY_SECONDS = 0.05
    collect_source(source)
    folder.rename(folder.with_name("away"))
    run = collect_source(source)
    assert (run.status, run.error_code) == ("failed", "unreachable")
    assert "no folder" in run.error_message


# One of them


def test_an_exception_fails_the_recording_that_raised_it(source: Source, folder: Path) -> None:
    errors = [DataError("value too long"), KeyError("x"), UnicodeError("?"), MemoryError()]
    raised: dict[str, Exception] = {}
    for number, error in enumerate(errors):
        (folder / exchange_name(number)).write_bytes(wav())
        raised[Path(exchange_name(number)).stem] = error

    def fetch_or_raise(context: Any, call: Call, **options: Any) -> None:
        if call.call_id in raised:
            raise raised[call.call_id]
        fetch_recording(context, call, **options)

    with mock.patch.object(processing, "fetch_recording", fetch_or_raise):
        run = collect_source(source)
    assert is_done(run)
    assert {outcome for key, outcome in outcomes_by_key(run).items() if key in raised} == {("failed", "unexpected")}


@pytest.mark.parametrize("days", [{"from_date": date.min}, {"to_date": date.max}])
def test_days_at_the_ends_of_the_calendar_are_rejected(source: Source, days: dict[str, date]) -> None:
    run = collect_source(source, **days)
    assert (run.status, run.error_code) == ("failed", "rejected")


@pytest.mark.parametrize("moment", [2**40, -(2**40)])
def test_files_of_any_age_are_dated(source: Source, folder: Path, moment: int) -> None:
    (folder / "x.wav").write_bytes(wav())
    (folder / "x.json").write_text('{"number": "1"}')
    status = os.stat_result((*(folder / "x.wav").stat()[:7], 0, moment, 0))
    with mock.patch("recordings.sources.folder.walk.accept_regular", return_value=status):
        found = list(
            FolderSource(str(folder), beat=lambda: None, read_duration=lambda path: None).list_calls(Period(), "")
        )
    assert {one.call_id for one in found if isinstance(one, ListedCall)} == {"x", Path(exchange_name(99)).stem}


def test_a_warning_about_many_files_names_a_few_of_them(source: Source, folder: Path) -> None:
    for number in range(100, 130):
        (folder / exchange_name(number, suffix="vox")).write_bytes(b"")
    run = collect_source(source)
    assert is_done(run)
    [warning] = run.warnings
    assert warning.startswith("30 recordings have")
    assert warning.endswith(", …")
    assert len(run.left_out["unknown_kind"]["names"]) == 5


# Links


def test_a_chain_of_links_is_not_followed_to_its_end(folder: Path) -> None:
    """The kernel gives up after forty; Python would follow each of a thousand links through all the others."""
    beat = mock.Mock()
    listed: list[ListedCall | LeftOut] = []

    def list_chain(links: int) -> float:
        chain = folder / f"chain of {links}"
        chain.mkdir()
        for number in range(links):
            (chain / f"{number}.wav").symlink_to(f"{number + 1}.wav")
        source = FolderSource(str(chain), beat=beat, read_duration=lambda path: None)
        return seconds_of(lambda: listed.extend(source.list_calls(Period(), "")))

    assert has_grown_in_proportion(list_chain(1000), of_a_tenth=list_chain(100))
    assert {getattr(one, "reason", None) for one in listed} == {LeftOutReason.LINK}
    assert beat.call_count >= 3 * 1100, "as it reads the folder, searches it for folders, and follows each link"


@pytest.mark.parametrize(
    ("target", "code", "words"),
    [
        ("nowhere.wav", "not_a_file", "This is a link that leads nowhere."),
        (exchange_name(1), "not_a_file", "This is a link that leads nowhere."),
        (None, "gone", "The recording isn't in its folder any more."),
    ],
    ids=["to nothing", "to itself", "no link"],
)
def test_a_recording_that_turned_into_a_broken_link_is_a_failed_item(
    source: Source, folder: Path, target: str | None, code: str, words: str
) -> None:
    (folder / exchange_name(1)).write_bytes(wav())
    real = processing.process_recording

    def exchanged(*args: Any) -> None:
        (folder / exchange_name(1)).unlink(missing_ok=True)
        if target:
            (folder / exchange_name(1)).symlink_to(target)
        real(*args)

    with mock.patch.object(collecting, "process_recording", exchanged):
        run = collect_source(source)
    assert is_done(run)
    failed = run.items.get(status="failed")
    assert (failed.error_code, failed.error_message) == (code, words)


@pytest.fixture
def of_others(folder: Path) -> Path:
    """The folder of another business, beside ours."""
    others = folder.with_name("others")
    (others / "day").mkdir(parents=True)
    (others / "day" / exchange_name(1)).write_bytes(wav(mark=1))
    (others / "day" / "secret.wav").write_bytes(wav(mark=2))
    return others


def replace_by_link(place: Path, target: Path) -> None:
    place.rename(place.with_name("moved"))
    place.symlink_to(target)


def test_a_folder_that_becomes_a_link_before_it_is_read_is_not_followed(
    source: Source, folder: Path, of_others: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "day").mkdir()
    real = walk.is_folder

    def is_folder(entry: os.DirEntry[str]) -> bool:
        found = real(entry)
        if found and entry.name == "day" and not (folder / "day").is_symlink():
            replace_by_link(folder / "day", of_others / "day")
        return found

    monkeypatch.setattr(walk, "is_folder", is_folder)
    run = collect_source(source)
    assert is_done(run)
    assert (run.total, run.warnings) == (1, ["1 folder can't be read: day"])


def test_a_folder_that_becomes_a_link_while_it_is_read_gives_no_notes_of_others(
    folder: Path, of_others: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, number in ((folder, "0500000001"), (of_others, "0500000002")):
        (place / "day").mkdir(exist_ok=True)
        (place / "day" / "a.wav").write_bytes(wav())
        (place / "day" / "a.json").write_text(json.dumps({"number": number}))
    real = walk.FolderWalk.read_folder

    def read_folder(self: Any, path: Path, descriptor: int) -> Any:
        found = real(self, path, descriptor)
        if path.name == "day":
            replace_by_link(path, of_others / "day")
        return found

    monkeypatch.setattr(walk.FolderWalk, "read_folder", read_folder)
    listing = FolderSource(str(folder), beat=lambda: None, read_duration=lambda path: None).list_calls(Period(), "")
    assert [(call.call_id, call.number) for call in listing if isinstance(call, ListedCall)] == [
        ("day/a", "0500000001")
    ]


def test_a_folder_that_becomes_a_link_before_its_file_is_opened_is_not_followed(
    folder: Path, of_others: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "day").mkdir()
    (folder / "day" / exchange_name(1)).write_bytes(wav(mark=3))
    source = FolderSource(str(folder), beat=lambda: None, read_duration=lambda path: None)
    location = f"day/{exchange_name(1)}"
    with source.open_recording(location) as media:
        assert b"".join(media.chunks) == wav(mark=3)
    real = FolderRoot.resolve_location

    def resolve_location(self: Any, location: str) -> Path:
        path = real(self, location)
        replace_by_link(folder / "day", of_others / "day")
        return path

    monkeypatch.setattr(FolderRoot, "resolve_location", resolve_location)
    with pytest.raises(Interrupted), source.open_recording(location):
        pass


def test_folders_within_folders_are_read_up_to_a_depth(folder: Path) -> None:
    deepest = folder
    for _ in range(MAX_DEPTH + 1):
        deepest /= "d"
        deepest.mkdir()
    listing = FolderSource(str(folder), beat=lambda: None, read_duration=lambda path: None).list_calls(Period(), "")
    assert [each.reason for each in listing if isinstance(each, LeftOut)] == [LeftOutReason.UNREADABLE_FOLDER]


def test_a_failed_read_shows_the_system_s_error(source: Source, folder: Path) -> None:
    (folder / exchange_name(1, suffix="mp3")).write_bytes(wav())
    real = regular_files.open_regular

    def broken(name: str, folder: int) -> Any:
        if name.endswith(".mp3"):
            raise OSError(5, "Input/output error", name)
        return real(name, folder)

    with (
        mock.patch("recordings.sources.folder.root.open_regular", broken),
        mock.patch("runs.progress.progress.Progress.wait"),
    ):
        run = collect_source(source)
    assert is_done(run)
    failed = run.items.get(status="failed")
    assert (failed.error_code, failed.error_message) == ("unreachable", "Input/output error")
