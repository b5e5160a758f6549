"""Files from strangers: whatever they contain, they are decoded or refused with a message, and never crash a run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demo import calls
from recordings.audio import reader as audio_module
from recordings.audio.formats import RAW_BY_ENDING, SAMPLE_RATE
from recordings.audio.reader import AudioReader
from runs.exceptions import ItemFailed
from tests.telephony import HISS, wav

SOUND = [path.read_bytes() for path in sorted(calls.CALLS.rglob("*-*-*.*")) if 0 < path.stat().st_size < 40_000]


@pytest.fixture(scope="module")
def reader() -> Iterator[AudioReader]:
    with AudioReader() as reader:
        yield reader


Stored = Callable[..., Path]


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    def stored(content: bytes, name: str = "sound") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return stored


@pytest.mark.parametrize(
    ("ending", "content_type"), [("mp3", "audio/mpeg"), ("gsm", "audio/x-gsm"), ("wav", "audio/wav")]
)
def test_a_recording_s_type_is_recognised_by_its_content(reader: AudioReader, ending: str, content_type: str) -> None:
    paths = [path for path in calls.CALLS.rglob(f"external-*.{ending}") if path.stat().st_size] or list(
        calls.CALLS.rglob(f"q-600-0547654321*.{ending}")
    )
    known = reader.check_recording(paths[0])
    assert known.content_type == content_type
    assert known.duration > 5


def test_gsm_within_a_wav_is_not_offered_for_playing(reader: AudioReader) -> None:
    [silent] = calls.CALLS.rglob("q-600-0531231234*.wav")
    assert reader.check_recording(silent).content_type == "audio/x-gsm"


@pytest.mark.parametrize("start", [0.0, 1.3, 2.999])
def test_windows_hold_every_sample_once(
    reader: AudioReader, stored: Stored, start: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stored(wav(3.0))
    whole = np.concatenate(list(reader.read_samples(path, start=0.0, window=60.0)))
    monkeypatch.setattr(audio_module, "READ_CHUNK_SECONDS", 0.7)
    cut = list(reader.read_samples(path, start=start, window=0.5))
    assert all(len(window) == SAMPLE_RATE // 2 for window in cut[:-1])
    assert np.array_equal(np.concatenate(cut), whole[int(start * SAMPLE_RATE) :])


def test_a_child_that_dies_in_the_middle_loses_no_sample(
    reader: AudioReader, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stored(wav(3.0))
    [whole] = reader.read_samples(path, start=0.0, window=60.0)
    monkeypatch.setattr(audio_module, "READ_CHUNK_SECONDS", 0.5)
    pieces = reader.read_samples(path, start=0.0, window=1.0)
    samples = [next(pieces)]
    reader.stop_child()  # as one that has grown too large leaves after its answer
    samples += pieces
    assert np.array_equal(np.concatenate(samples), whole)


def test_beyond_the_end_there_are_no_samples(reader: AudioReader, stored: Stored) -> None:
    assert list(reader.read_samples(stored(wav(1.0)), start=30.0, window=10.0)) == []


# All of it


def encoded(stored: Stored, ending: str, *options: str, seconds: float = 20.0) -> bytes:
    """What FFmpeg makes of some noise, in the format of this ending."""
    made = stored(b"", f"made.{ending}")
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(stored(wav(seconds), "in.wav")), *options, str(made)]
    subprocess.run(command, check=True)
    return made.read_bytes()


FORMATS = [
    ("mp3",),
    ("mp3", "-write_xing", "0"),
    ("mp3", "-q:a", "5"),
    ("ogg",),
    ("opus",),
    ("m4a",),
    ("m4a", "-movflags", "+faststart"),
    ("mp4", "-movflags", "frag_keyframe+empty_moov", "-frag_duration", "500000"),
    ("flac",),
    ("webm",),
    ("aac",),
    ("wav", "-c:a", "pcm_mulaw"),
]


@pytest.mark.needs("ffmpeg")
@pytest.mark.parametrize("how", FORMATS, ids=" ".join)
def test_a_recording_is_stored_whole_or_refused_as_truncated(
    reader: AudioReader, stored: Stored, how: tuple[str, ...]
) -> None:
    whole = encoded(stored, *how)
    assert reader.check_recording(stored(whole)).duration == pytest.approx(20.0, abs=0.4)
    for share in (0.5, 0.667, 0.95):
        with pytest.raises(ItemFailed) as refusal:
            reader.check_recording(stored(whole[: int(len(whole) * share)]))
        assert refusal.value.code == "truncated", share


def test_frames_of_a_fixed_size_are_counted(reader: AudioReader, stored: Stored) -> None:
    [path] = calls.CALLS.rglob("*.gsm")
    amr = b"#!AMR\n" + (b"\x3c" + bytes(31)) * 100
    for content in (path.read_bytes(), amr):
        assert reader.check_recording(stored(content)).duration > 1
        with pytest.raises(ItemFailed) as refusal:
            reader.check_recording(stored(content[:-10]))
        assert refusal.value.code == "truncated"


def test_bytes_after_the_last_frame_do_not_make_an_mp3_truncated(reader: AudioReader, stored: Stored) -> None:
    [path, *_] = calls.CALLS.rglob("external-*.mp3")
    tag = b"TAG" + bytes(125)
    assert reader.check_recording(stored(path.read_bytes() + tag)).duration == reader.check_recording(path).duration


def test_a_wav_from_a_pipe_is_measured_by_its_samples(reader: AudioReader, stored: Stored) -> None:
    content = bytearray(wav(2.0))
    for riff, data in [(0, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFF024, 0x7FFFF000), (0x80000024, 0x80000000)]:
        content[4:8], content[40:44] = riff.to_bytes(4, "little"), data.to_bytes(4, "little")
        assert reader.check_recording(stored(bytes(content))).duration == pytest.approx(2.0, abs=0.3)


@pytest.mark.parametrize("ending", sorted(RAW_BY_ENDING))
def test_headerless_samples_are_recognised_by_their_file_ending(
    reader: AudioReader, stored: Stored, ending: str
) -> None:
    raw = RAW_BY_ENDING[ending]
    path = stored((HISS * 200)[: 2 * raw.bytes_per_second])
    known = reader.check_recording(path, raw_type=raw.content_type)
    assert known.content_type == raw.content_type
    assert known.duration == pytest.approx(2.0, abs=0.1)
    [samples] = reader.read_samples(path, raw_type=raw.content_type, start=0.0, window=10.0)
    assert len(samples) / SAMPLE_RATE == pytest.approx(2.0, abs=0.1)


def test_a_wav_with_the_ending_of_raw_samples_is_read_as_a_wav(reader: AudioReader, stored: Stored) -> None:
    assert (
        reader.check_recording(stored(wav()), raw_type=RAW_BY_ENDING[".ulaw"].content_type).content_type == "audio/wav"
    )


# Malice


def test_a_file_of_millions_of_empty_chunks_is_refused_soon(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_module, "CPU_SECONDS", 2)  # reading all chunks takes much longer
    size = 500_000_000
    riff = b"RIFF" + size.to_bytes(4, "little") + b"WAVE"
    with AudioReader() as reader:
        for start in (riff, riff + wav()[12:36]):
            zeros = stored(start)
            os.truncate(zeros, size)
            with pytest.raises(ItemFailed, match="isn't an audio recording"):
                reader.check_recording(zeros)


def test_a_playlist_of_other_files_is_no_recording(reader: AudioReader, stored: Stored) -> None:
    stored(wav(), "other.wav")
    for text in ("ffconcat version 1.0\nfile other.wav\n", "#EXTM3U\n#EXTINF:9,\nother.wav\n#EXT-X-ENDLIST\n"):
        with pytest.raises(ItemFailed, match="isn't an audio recording"):
            reader.check_recording(stored(text.encode(), "list.wav"))


def test_what_takes_too_long_fails_and_the_next_is_read(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_module, "CPU_SECONDS", 0.5)
    monkeypatch.setattr(audio_module, "CHECK_CHUNK_SECONDS", 1e9)
    head = bytearray(wav()[:44])
    head[4:8] = head[40:44] = b"\xff" * 4
    long = stored(bytes(head))
    os.truncate(long, 2_000_000_000)
    with AudioReader() as reader:
        with pytest.raises(ItemFailed) as refusal:
            reader.check_recording(long)
        assert refusal.value.code == "timeout"
        assert reader.check_recording(stored(wav())).duration > 0


def test_links_and_pipes_are_not_opened(reader: AudioReader, stored: Stored, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(stored(wav()))
    for name in ("pipe", "link", "missing"):
        with pytest.raises(ItemFailed, match="may not be read"):
            reader.check_recording(tmp_path / name)
        assert reader.read_duration(tmp_path / name) is None


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    sound=st.sampled_from(SOUND),
    cut=st.integers(0, 40_000),
    places=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=12),
    tail=st.binary(max_size=64),
)
def test_a_damaged_file_is_decoded_or_refused(
    reader: AudioReader,
    stored: Stored,
    sound: bytes,
    cut: int,
    places: list[tuple[int, int]],
    tail: bytes,
) -> None:
    content = bytearray(sound[:cut] + tail)
    for place, value in places:
        if place < len(content):
            content[place] = value
    path = stored(bytes(content))
    with suppress(ItemFailed):
        reader.check_recording(path)
    with suppress(ItemFailed):
        for _ in reader.read_samples(path, start=0.0, window=5.0):
            pass


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=2000))
def test_random_bytes_are_refused_without_a_crash(reader: AudioReader, stored: Stored, content: bytes) -> None:
    with suppress(ItemFailed):
        reader.check_recording(stored(content))


def test_the_shipped_recordings_are_small() -> None:
    assert sum(path.stat().st_size for path in Path(calls.CALLS).rglob("*") if path.is_file()) < 1_000_000
