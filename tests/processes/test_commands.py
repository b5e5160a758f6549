"""Errors of an operator's commands are one line, and the commands find the copy that runs."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection

from progress_project.local import copies, postgres
from progress_project.local.environment import BASE_DIR, port

NOBODY_LISTENS = "postgres://nobody@127.0.0.1:1/nothing"
RESET = ("reset_progress", "--business=business-a")


def error_of(*command: str, **environment: str) -> str:
    """The standard error of a command that fails."""
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "progress_project.settings", "DEBUG": "true", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("command", [RESET, ("progress_drill",), ("migrate",)], ids=lambda command: command[0])
def test_a_database_that_is_away_is_an_error_of_one_line(command: tuple[str, ...]) -> None:
    [line] = error_of(*command, DATABASE_URL=NOBODY_LISTENS).splitlines()
    assert line.startswith("The database can't serve now: ")
    assert "Connection refused" in line


def test_a_read_only_database_is_an_error_of_one_line(db: None) -> None:
    tests_own = database_url(str(connection.settings_dict["NAME"]))
    command = ("createsuperuser", "--noinput", "--username=x", "--email=x@example.com")
    [line] = error_of(*command, DATABASE_URL=tests_own, PGOPTIONS="-c default_transaction_read_only=on").splitlines()
    assert line.endswith("cannot execute INSERT in a read-only transaction")


def test_missing_tables_are_an_error_of_one_line() -> None:
    with empty_database() as url:
        [line] = error_of(*RESET, DATABASE_URL=url).splitlines()
    assert "run `manage.py migrate`" in line


def test_a_missing_setting_is_an_error_of_one_line() -> None:
    [line] = error_of(*RESET, DATABASE_URL=NOBODY_LISTENS, DEBUG="false", SECRET_KEY="").splitlines()
    assert line == "Set SECRET_KEY, or DEBUG=1 to try things out."


def test_no_database_is_made_for_a_command_that_only_reads(tmp_path: Path) -> None:
    [line] = error_of(*RESET, DATABASE_URL="", UNSTUCK_VAR=str(tmp_path)).splitlines()
    assert line.startswith(f"No copy has ever run in {tmp_path}. ")
    assert not (tmp_path / "postgres").exists()


def database_url(name: str) -> str:
    """Another database of the tests' server."""
    server = os.environ.get("DATABASE_URL") or postgres.database_url()
    return urlsplit(server)._replace(path=f"/{name}").geturl()


@contextmanager
def empty_database() -> Iterator[str]:
    name = f"empty_{uuid.uuid4().hex}"
    with psycopg.connect(database_url("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            yield database_url(name)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


# Which copy


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state directories of a checkout, and an environment that names none of them."""
    monkeypatch.setattr(copies, "BASE_DIR", tmp_path)
    for name in ("PORT", "UNSTUCK_VAR"):
        monkeypatch.setenv(name, "")  # set, not deleted: pytest then also undoes what the code sets
    return tmp_path / "var"


@contextmanager
def running(var: Path, *ports: int) -> Iterator[None]:
    with ExitStack() as locks:
        for port in ports:
            (var / str(port)).mkdir(parents=True)
            lock = locks.enter_context((var / str(port) / copies.LOCK).open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_the_copy_that_runs_is_found(var: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(var, 8001):
        copies.choose_running_copy()
    assert port() == 8001
    assert capsys.readouterr().err == "Working on the copy that runs on port 8001.\n"


def test_of_several_copies_one_must_be_named(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(var, 8000, 8001):
        with pytest.raises(copies.CopyError, match=r"by PORT=8000 or PORT=8001 before the command"):
            copies.choose_running_copy()
        monkeypatch.setenv("PORT", "8000")
        copies.choose_running_copy()
    assert port() == 8000


def test_a_copy_that_has_stopped_or_was_killed_isnt_found(var: Path) -> None:
    with running(var, 8001):
        assert copies.running_ports() == [8001]
    assert copies.running_ports() == []


def test_the_error_names_a_copy_that_works_on_another_database(var: Path) -> None:
    with running(var, 8000):
        copies.choose_running_copy()
        assert copies.explain_missing_data().startswith("The copy on port 8000 works on another database. ")
