"""The project served as deployed: granian before the database of the test, its state in a directory of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.db import connection

from progress_project.local import postgres
from tests.workers import kill, until

START_SECONDS, ANSWER_SECONDS = 120, 60  # patience with a busy machine
FOREIGN = ("admin", "unfold", "drf_spectacular_sidecar", "rest_framework", "knox", "django_celery_beat")


def production(static: Path) -> dict[str, str]:
    """The environment of a server as in production, without TLS."""
    return {
        "DEBUG": "false",
        "HTTPS": "false",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "STATIC_ROOT": str(static),
        "CELERY_BROKER_URL": "memory://",
    }


def collect_static(static: Path) -> None:
    """Hash and compress our own static files; those of other packages are many more."""
    ignored = (f"--ignore={name}" for name in FOREIGN)
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity=0", *ignored],
        env={**_environment(static.parent), **production(static)},
        check=True,
    )


def _environment(state: Path) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.worker_settings",
        "DATABASE_URL": os.environ.get("DATABASE_URL") or postgres.database_url(),
        "TEST_DATABASE_NAME": str(connection.settings_dict["NAME"]),
        "DEBUG": "true",
        "LOG_LEVEL": "WARNING",
        "UNSTUCK_VAR": str(state),
        "PORT": os.environ.get("PORT", "8000"),  # part of the session cookie's name
        "SECRET_KEY": settings.SECRET_KEY,
        "SALT_KEY": ",".join(settings.SALT_KEY),
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(
    state: Path,
    environment: dict[str, str] | None = None,
    *,
    port: int = 0,
    interface: str = "asginl",
    log: Path | None = None,
) -> Iterator[str]:
    """The address of a server that answers; it is killed in the end. Its log goes into `log`."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    process = start_server(state, port, interface, environment or {}, log)
    try:
        until(lambda: answers(f"{url}/healthz"), seconds=START_SECONDS)
        yield url
    finally:
        kill(process)


def start_server(
    state: Path, port: int, interface: str, environment: dict[str, str], log: Path | None = None
) -> subprocess.Popen[bytes]:
    module = "wsgi" if interface == "wsgi" else "asgi"
    command = f"granian --interface {interface} --host 127.0.0.1 --port {port} progress_project.{module}:application"
    with log.open("ab") if log else nullcontext() as output:
        return subprocess.Popen(
            [Path(sys.executable).with_name("granian"), *command.split()[1:]],
            env={**_environment(state), **environment},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def get(url: str, **options: Any) -> httpx.Response:
    return httpx.get(url, timeout=ANSWER_SECONDS, **options)
