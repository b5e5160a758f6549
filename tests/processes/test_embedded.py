"""The embedded PostgreSQL is shared: the first process starts it and the last stops it, whatever died in between."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from progress_project.local import postgres, postgres_server
from tests.workers import until

ATTACH = "import sys; from progress_project.local import postgres; postgres.ensure_running(); print('up', flush=True); "
UNTIL_STDIN_CLOSES = "sys.stdin.read()"


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("UNSTUCK_VAR", str(tmp_path))
    yield
    postgres.stop()


@contextmanager
def another_process() -> Iterator[subprocess.Popen[str]]:
    """One that attaches, and leaves when the block ends."""
    command = [sys.executable, "-c", ATTACH + UNTIL_STDIN_CLOSES]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process


def answers() -> bool:
    try:
        with psycopg.connect(postgres.database_url()) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def test_its_last_user_stops_it() -> None:
    with another_process():
        with another_process():
            assert answers()
        assert answers()
    assert not answers()


def test_it_is_stopped_though_one_of_its_users_was_killed() -> None:
    with another_process():
        with another_process() as killed:
            killed.kill()
        assert answers()
    assert not answers()


def test_it_starts_after_a_crash_though_another_process_has_its_pid(tmp_path: Path) -> None:
    with another_process():
        pidfile = tmp_path / "postgres" / "postmaster.pid"
        after_crash = pidfile.read_text().split("\n")
    after_crash[0] = str(os.getpid())
    for lock in (pidfile, tmp_path / "postgres" / ".s.PGSQL.5432.lock"):
        lock.write_text("\n".join(after_crash))
    with another_process():
        assert answers()


def test_a_server_that_is_killed_under_its_users_is_started_again(tmp_path: Path) -> None:
    with another_process():
        pid = int((tmp_path / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])
        assert postgres.is_alive()
        os.kill(pid, signal.SIGKILL)
        until(lambda: not postgres.is_alive())
        postgres.restart()
        assert answers()


def test_a_start_waits_for_a_server_that_is_too_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    is_answering, replies = postgres_server.is_answering, iter([False, False])
    with another_process():
        monkeypatch.setattr(postgres_server, "is_answering", lambda: next(replies, None) is None and is_answering())
        assert postgres_server.wait_for_answer()
    assert not postgres_server.wait_for_answer(), "without a process there is nothing to wait for"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_a_running_server_is_found_though_a_parent_folder_lost_its_permissions(tmp_path: Path) -> None:
    with another_process():
        tmp_path.chmod(0o700)  # as pytest does with the temporary folders of another run
        with another_process():
            assert answers()


def test_a_path_too_long_for_a_socket_still_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSTUCK_VAR", str(tmp_path / ("long" * 25)))
    with another_process():
        assert answers()
