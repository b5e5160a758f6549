"""Work in a child fails with its item at most: it is bounded in memory, on the processor and on the clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from runs.children import bounded_child
from runs.children.bounded_child import BoundedChild
from runs.exceptions import ChildDied, ChildKilled, ChildTimedOut, ItemTimedOut, RunLost

CHILD = """
import os, sys, time
from runs.children.child_loop import own_arguments, serve

def answer(request):
    match request.split(b" "):
        case [b"pid"]: return str(os.getpid()).encode()
        case [b"arguments"]: return " ".join(own_arguments()).encode()
        case [b"spin"]:
            while True: pass
        case [b"sleep"]: time.sleep(600)
        case [b"eat"]: return b"x" * 10_000_000_000
        case [b"grow"]:
            answer.ballast = b"x" * 200_000_000
            return b"grown"
        case [b"die"]: os.abort()
        case [b"killed"]: os.kill(os.getpid(), 9)
        case [b"killed-once", marker] if not os.path.exists(marker):
            open(marker, "w").close()
            os.kill(os.getpid(), 9)
        case [b"until", file]:
            while not os.path.exists(file):
                time.sleep(0.01)
    return request

serve(answer)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "a_child.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", f"{bounded_child.PROJECT}:{tmp_path}")
    return "a_child"


@pytest.fixture
def child(module: str) -> Iterator[BoundedChild]:
    with BoundedChild(module, "one", 2, cpu_seconds=0.5, wall_seconds=60, memory_bytes=500_000_000) as child:
        yield child


@pytest.fixture
def patient_child(module: str) -> Iterator[BoundedChild]:
    """For what takes its time: a busy machine may need a second of its processor to fill 200 MB."""
    with BoundedChild(module, cpu_seconds=20, wall_seconds=60, memory_bytes=500_000_000) as child:
        yield child


def test_a_child_answers_any_number_of_requests(child: BoundedChild) -> None:
    large = bytes(range(256)) * 20_000
    assert child.call(large) == large
    assert child.call(b"") == b""
    assert child.call(b"arguments") == b"one 2"
    assert child.call(b"pid") == child.call(b"pid")


def test_time_on_the_processor_is_bounded(child: BoundedChild) -> None:
    with pytest.raises(ChildTimedOut):
        child.call(b"spin")
    assert child.call(b"the next one") == b"the next one"


def test_time_on_the_clock_is_bounded(module: str) -> None:
    began = time.monotonic()
    with (
        BoundedChild(module, cpu_seconds=20, wall_seconds=3, memory_bytes=500_000_000) as child,
        pytest.raises(ItemTimedOut) as timed_out,
    ):
        child.call(b"sleep")
    assert timed_out.value.code == "timeout"
    assert 3 <= time.monotonic() - began < 60


@pytest.mark.parametrize("request_", [b"eat", b"die"])
def test_a_child_that_dies_fails_its_request_only(child: BoundedChild, request_: bytes) -> None:
    with pytest.raises(ChildDied):
        child.call(request_)
    assert child.call(b"the next one") == b"the next one"


def test_a_request_is_repeated_after_one_kill_from_outside(child: BoundedChild, tmp_path: Path) -> None:
    request = f"killed-once {tmp_path / 'marker'}".encode()
    assert child.call(request) == request
    with pytest.raises(ChildKilled) as killed:
        child.call(b"killed")
    assert killed.value.code == "unreadable"
    assert child.call(b"the next one") == b"the next one"


def test_a_child_that_has_grown_is_replaced(patient_child: BoundedChild) -> None:
    before = patient_child.call(b"pid")
    assert patient_child.call(b"grow") == b"grown"
    assert patient_child.call(b"pid") != before


def test_requests_that_were_begun_are_answered_in_order_by_the_same_child(child: BoundedChild) -> None:
    assert not child.begin(b"nobody runs yet")
    pid = child.call(b"pid")
    assert child.begin(b"pid")
    assert child.begin(b"a")
    assert not child.begin(b"x" * bounded_child.AHEAD_BYTES), "more than is surely taken at once"
    assert [child.call(b"pid"), child.call(b"a"), child.call(b"b")] == [pid, b"a", b"b"]


@pytest.mark.parametrize(("killer", "error"), [(b"die", ChildDied), (b"spin", ChildTimedOut), (b"killed", ChildKilled)])
def test_a_request_that_ends_the_child_ahead_of_its_turn_fails_in_its_turn(
    child: BoundedChild, killer: bytes, error: type[Exception], tmp_path: Path
) -> None:
    child.call(b"first")
    all_begun = tmp_path / "all_begun"
    wait = f"until {all_begun}".encode()
    assert all(map(child.begin, [wait, killer, b"after it"]))
    all_begun.touch()
    assert child.call(wait) == wait
    with pytest.raises(error):
        child.call(killer)
    assert child.begun == 0
    assert child.call(b"after it") == b"after it"


def test_a_request_that_a_replaced_child_never_answered_is_sent_to_the_next_child(patient_child: BoundedChild) -> None:
    pid = patient_child.call(b"pid")
    assert all(map(patient_child.begin, (b"grow", b"pid")))
    assert patient_child.call(b"grow") == b"grown"
    assert patient_child.call(b"pid") != pid


def test_a_request_that_wasnt_begun_gets_its_own_response(child: BoundedChild) -> None:
    child.call(b"first")
    assert child.begin(b"begun")
    assert child.call(b"other") == b"other"
    assert child.begun == 0


def test_the_parent_beats_while_its_child_works(module: str, tmp_path: Path) -> None:
    beats: list[float] = []
    fourth = tmp_path / "fourth"

    def beat() -> None:
        beats.append(time.monotonic())
        if len(beats) == 4:
            fourth.touch()

    with BoundedChild(module, cpu_seconds=5, wall_seconds=60, memory_bytes=500_000_000, beat=beat) as child:
        child.call(f"until {fourth}".encode())
    assert len(beats) >= 4


def test_a_child_whose_run_is_lost_is_ended(module: str) -> None:
    def lose() -> None:
        pids.extend(process.pid for process in psutil.Process().children() if "a_child" in process.cmdline())
        raise RunLost

    pids: list[int] = []
    limits = {"cpu_seconds": 5.0, "wall_seconds": 20.0, "memory_bytes": 500_000_000}
    with BoundedChild(module, **limits, beat=lose) as child, pytest.raises(RunLost):  # type: ignore[arg-type]
        child.call(b"sleep")
    assert pids
    assert not any(psutil.pid_exists(pid) for pid in pids)
