"""Files from strangers: whatever they hold, they are recognised or refused in words, and never break us."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recordings import demo
from recordings.audio import RATE, heard, recognised
from runs.exceptions import ItemFailed

from .telephony import wav

SOUND = [path.read_bytes() for path in sorted(demo.CALLS.rglob("*-*-*.*")) if 0 < path.stat().st_size < 40_000]


@pytest.mark.parametrize(
    ("ending", "content_type"), [("mp3", "audio/mpeg"), ("gsm", "audio/x-gsm"), ("wav", "audio/wav")]
)
def test_a_recording_is_known_by_what_it_holds(ending: str, content_type: str) -> None:
    paths = [path for path in demo.CALLS.rglob(f"external-*.{ending}") if path.stat().st_size] or list(
        demo.CALLS.rglob(f"q-600-0547654321*.{ending}")
    )
    audio = recognised(io.BytesIO(paths[0].read_bytes()))
    assert audio.content_type == content_type
    assert audio.duration > 5


def test_gsm_within_a_wav_is_nothing_to_play() -> None:
    [silent] = demo.CALLS.rglob("q-600-0531231234*.wav")
    assert recognised(io.BytesIO(silent.read_bytes())).content_type == "audio/x-gsm"


@pytest.mark.parametrize("start", [0.0, 1.3, 2.999])
def test_windows_hold_every_sample_once(start: float) -> None:
    content = wav(3.0)
    whole = np.concatenate(list(heard(io.BytesIO(content), start=0.0, window=60.0)))
    cut = list(heard(io.BytesIO(content), start=start, window=0.5))
    assert all(len(window) == RATE // 2 for window in cut[:-1])
    assert np.array_equal(np.concatenate(cut), whole[int(start * RATE) :])


def test_beyond_the_end_there_is_nothing_to_hear() -> None:
    assert list(heard(io.BytesIO(wav(1.0)), start=30.0, window=10.0)) == []


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    sound=st.sampled_from(SOUND),
    cut=st.integers(0, 40_000),
    places=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=12),
    tail=st.binary(max_size=64),
)
def test_a_damaged_file_is_heard_or_refused(sound: bytes, cut: int, places: list[tuple[int, int]], tail: bytes) -> None:
    content = bytearray(sound[:cut] + tail)
    for place, value in places:
        if place < len(content):
            content[place] = value
    with suppress(ItemFailed):
        recognised(io.BytesIO(content))
        for _ in heard(io.BytesIO(content), start=0.0, window=5.0):
            pass


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2000))
def test_noise_breaks_nothing(content: bytes) -> None:
    with suppress(ItemFailed):
        recognised(io.BytesIO(content))


def test_the_shipped_recordings_are_small() -> None:
    assert sum(path.stat().st_size for path in Path(demo.CALLS).rglob("*") if path.is_file()) < 1_000_000
