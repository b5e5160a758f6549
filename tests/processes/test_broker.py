"""The broker of files delivers each message to exactly one of several workers, never waits long, and leaves nothing."""

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kombu import Connection

from progress_project.local import broker

MESSAGES = 300
CONSUME = """
import sys; from pathlib import Path; from kombu import Connection
from progress_project.local import broker
broker.install_transport()
with Connection("filesystem://localhost/", transport_options=broker.transport_options(Path(sys.argv[1]))) as connection:
    queue = connection.SimpleQueue("work")
    queue.consumer.qos(prefetch_count=1)
    while (message := queue.get(timeout=60)).payload != "end":
        print(message.payload)
        message.ack()
    message.ack()
"""

PUBLISH_ON_A_FULL_DISK = """
import resource, sys; from pathlib import Path; from kombu import Connection
from progress_project.local import broker
broker.install_transport()
with Connection("filesystem://localhost/", transport_options=broker.transport_options(Path(sys.argv[1]))) as connection:
    queue = connection.SimpleQueue("work")
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))  # a write stops in its middle, as on a full disk
    queue.put("x" * 10_000)
"""


def connected(folder: Path) -> Connection:
    broker.install_transport()
    return Connection("filesystem://localhost/", transport_options=broker.transport_options(folder))


def test_every_message_is_taken_once_while_others_are_still_written(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CONSUME, str(tmp_path)]
    consumers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    with connected(tmp_path) as connection:
        queue = connection.SimpleQueue("work")
        for message in [*range(MESSAGES), *["end" for _ in consumers]]:
            queue.put(message)
    taken = [line for consumer in consumers for line in consumer.communicate(timeout=120)[0].split()]
    assert sorted(taken) == sorted(map(str, range(MESSAGES)))
    assert not list((tmp_path / "messages").iterdir())
    assert not list((tmp_path / "taken").iterdir())


def test_a_full_disk_leaves_neither_half_a_message_nor_a_temporary_file(tmp_path: Path) -> None:
    publish = [sys.executable, "-c", PUBLISH_ON_A_FULL_DISK, str(tmp_path)]
    refused = subprocess.run(publish, capture_output=True, text=True, check=False)
    assert "File too large" in refused.stderr
    assert not list((tmp_path / "messages").iterdir())
    assert not list((tmp_path / "taken").iterdir())


def test_files_of_killed_processes_are_removed_and_messages_being_written_stay(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "left by a crash").touch()
    os.utime(taken / "left by a crash", (0, 0))
    (taken / "being written").touch()
    with connected(tmp_path) as connection:
        connection.SimpleQueue("work")
    assert [file.name for file in taken.iterdir()] == ["being written"]


class Clock:
    """It goes on by what is slept, however long that takes."""

    def __init__(self) -> None:
        self.seconds = 0.0

    time, time_ns = staticmethod(time.time), staticmethod(time.time_ns)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def test_a_stopped_process_with_the_lock_stops_no_other_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    with connected(tmp_path) as connection:
        bound = connection.SimpleQueue("bound")
        with (tmp_path / "control" / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with monkeypatch.context() as patched:
                patched.setattr(broker, "time", clock)
                with pytest.raises(BlockingIOError):
                    connection.SimpleQueue("new")
                bound.put("the queue is known: no lock is needed")
            assert clock.seconds == pytest.approx(broker.LOCK_SECONDS, abs=0.05)
        assert bound.get(timeout=60).payload
