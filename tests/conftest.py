"""Fixtures of every test: a database, private media, English, and skips where a program is missing."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from django.utils import translation
from pytest_django import DjangoDbBlocker, Settings

from progress_project.local import postgres
from tests.migrated import migrated_database

# --- The database -----------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    """Start (or attach to) the embedded PostgreSQL where no other is named; xdist's workers find it running."""
    if postgres.is_needed() and not hasattr(config, "workerinput"):
        postgres.ensure_running()
        turn_off_fsync()


def turn_off_fsync() -> None:
    """The tests' server needn't survive a crash of the machine; without fsync it still survives its own crash."""
    with psycopg.connect(postgres.database_url(), autocommit=True) as server:
        for setting in ("fsync", "full_page_writes"):
            server.execute(f"ALTER SYSTEM SET {setting} = off")
        server.execute("SELECT pg_reload_conf()")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, django_db_blocker: DjangoDbBlocker
) -> None:
    """Each process of the tests works on a copy of one migrated database."""
    with django_db_blocker.unblock():
        connection.settings_dict["TEST"].update(TEMPLATE=migrated_database(), MIGRATE=False)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """In the end, end sessions that threads of a browser's server may still hold: the database couldn't be dropped."""
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


# --- The processes that tests start ------------------------------------------------------------

# A third of each start would go into compiling the project, where the environment forbids to keep what is compiled.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# --- The order --------------------------------------------------------------------------------


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest tests first: at the end, one process would run them while the others idle."""
    longest = ("test_kill_storm.py", "test_readme.py", "test_conformance.py")
    items.sort(key=lambda item: item.path.name not in longest)


# --- The machine ------------------------------------------------------------------------------


def pytest_runtest_setup(item: pytest.Item) -> None:
    """`@pytest.mark.needs("redis-server")` skips where a program is missing; on CI it fails."""
    for mark in item.iter_markers("needs"):
        missing = [program for program in mark.args if shutil.which(program) is None]
        if missing:
            outcome = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            outcome(f"not installed: {', '.join(missing)}")


@pytest.fixture(autouse=True)
def _private_media(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")


@pytest.fixture(autouse=True)
def _in_english() -> None:
    """A request in Hebrew would leave its language active for the tests after it."""
    translation.activate("en")


# --- The cast ---------------------------------------------------------------------------------

pytest_plugins = ["tests.cast", "tests.browser", "tests.stopped_clock", "tests.whatsapp"]
