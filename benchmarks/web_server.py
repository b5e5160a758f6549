"""One granian process on the benchmark's database, as in production."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

ASGI, WSGI = "progress_project.asgi:application", "progress_project.wsgi:application"


@contextmanager
def web_server(application: str = ASGI, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """The port of a server of this application."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    # As many threads under WSGI as there are under ASGI.
    interface = ("wsgi", "--blocking-threads", "9") if application == WSGI else ("asginl",)
    process = subprocess.Popen(
        [
            Path(sys.executable).with_name("granian"),
            *("--interface", *interface, "--port", str(port), "--backlog", "4096"),
            *(("--factory",) if application.endswith(":make_application") else ()),
            application,
        ],
        env={**production(), **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(port)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # its worker too
        process.wait()


def production() -> dict[str, str]:
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "progress_project.settings",
        "DATABASE_URL": url,
        "DATABASE_POOL": "true",
        "SECRET_KEY": settings.SECRET_KEY,
        "ALLOWED_HOSTS": "127.0.0.1",
        "HTTPS": "false",
    }


def _wait_for(port: int) -> None:
    for _ in range(300):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError("the server did not start")
