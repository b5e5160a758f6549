"""Databases copied from one that was migrated once: one for each process of the tests and each storm.

The original outlives the run of the tests, under a name that changes with any migration.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from django.apps import apps
from django.core.management import call_command
from django.db import connection

from progress_project.local.environment import BASE_DIR, state_dir
from tests.demo_copy import unconfigured

LOCK = 714_003  # an advisory lock: one process migrates, the others wait


def migrated_database() -> str:
    """The name of a database of the tests' server to make others from; nobody else connects to it."""
    name = f"migrated_{_digest_of_migrations()}"
    with connection._nodb_cursor() as server:
        server.execute("SET statement_timeout = 0")  # another process may migrate for a minute
        server.execute("SELECT pg_advisory_lock(%s)", [LOCK])  # until this connection is closed
        server.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        if server.fetchone() is None:
            draft = f"{name}_draft"  # renamed when it is whole
            server.execute(f"DROP DATABASE IF EXISTS {draft}")
            server.execute(f"CREATE DATABASE {draft}")
            _migrate(draft)
            server.execute(f"ALTER DATABASE {draft} RENAME TO {name}")
    return name


def _migrate(database: str) -> None:
    own = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = database
    try:
        call_command("migrate", verbosity=0, interactive=False)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = own


def copy_migrated_state(to: Path) -> None:
    """Make a state directory with an embedded PostgreSQL of its own, stopped after all migrations."""
    state = state_dir() / f"migrated_{_digest_of_migrations()}"
    state.parent.mkdir(parents=True, exist_ok=True)
    with state.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not state.exists():
            draft = state.with_suffix(".draft")
            shutil.rmtree(draft, ignore_errors=True)
            command = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
            subprocess.run(command, cwd=BASE_DIR, env=unconfigured(UNSTUCK_VAR=str(draft), DEBUG="true"), check=True)
            draft.rename(state)
    subprocess.run(["cp", "-a", state, to], check=True)  # with its owner, who is PostgreSQL's


def _digest_of_migrations() -> str:
    digest = hashlib.sha256()
    for app in apps.get_app_configs():
        for migration in sorted(Path(app.path, "migrations").glob("*.py")):
            digest.update(f"{app.label}.{migration.name}\n".encode() + migration.read_bytes())
    return digest.hexdigest()[:16]
