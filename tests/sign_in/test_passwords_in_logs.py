"""A sign-in that fails because the database is away leaves no password in the log: API, page or admin."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from tests.servers import production, server

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "zebra-crossing-7"
CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


def sign_in_everywhere(url: str) -> list[int]:
    """The statuses of API, page and admin."""
    credentials = {"username": "member-a", "password": PASSWORD}
    api = httpx.post(f"{url}/api/auth/login/", json=credentials, timeout=30)
    return [api.status_code, *(_send_form(f"{url}{path}", credentials) for path in ("/login/", "/admin/login/"))]


def _send_form(url: str, fields: dict[str, str]) -> int:
    with httpx.Client(timeout=30) as browser:
        [token] = set(CSRF.findall(browser.get(url).text))
        return browser.post(url, data={**fields, "csrfmiddlewaretoken": token}).status_code


@contextmanager
def locked_users() -> Iterator[None]:
    """A query of a user waits until the statement times out."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {User._meta.db_table} IN ACCESS EXCLUSIVE MODE")
        yield


def quick(state: Path) -> dict[str, str]:
    return {
        **production(state / "static"),
        "DJANGO_SETTINGS_MODULE": "tests.sign_in_settings",
        "DATABASE_POOL": "false",
        "DATABASE_STATEMENT_TIMEOUT_SECONDS": "1",
    }


def test_a_timeout_of_the_database_logs_no_password(tmp_path: Path, member_a: User) -> None:
    log = tmp_path / "log"
    with server(tmp_path / "state", quick(tmp_path), interface="wsgi", log=log) as url, locked_users():
        assert sign_in_everywhere(url) == [503, 503, 503]
    text = log.read_text()
    assert text.count("canceling statement due to statement timeout") >= 3
    assert PASSWORD not in text


def test_a_database_that_is_away_logs_no_password(tmp_path: Path) -> None:
    log = tmp_path / "log"
    nowhere = {**quick(tmp_path), "DATABASE_URL": "postgres://somebody:db-secret@127.0.0.1:1/nowhere"}
    with server(tmp_path / "state", nowhere, interface="wsgi", log=log) as url:
        assert sign_in_everywhere(url) == [503, 503, 503]
    text = log.read_text()
    assert text.count("connection failed") >= 3
    assert PASSWORD not in text
    assert "db-secret" not in text


FAIL_WITH_A_SECRET = """
import logging, django
django.setup()
def fail(password):
    raise RuntimeError("broken")
try:
    fail("zebra-" + "crossing-7")
except RuntimeError:
    logging.getLogger("runs").exception("It failed")
"""


def test_a_traceback_in_the_json_log_has_lines_without_values() -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "progress_project.settings",
        "DEBUG": "false",
        "SECRET_KEY": "x" * 60,
        "SALT_KEY": "salt",
        "DATABASE_URL": "postgres://unused/unused",
    }
    failing = subprocess.run(
        [sys.executable, "-c", FAIL_WITH_A_SECRET], env=environment, capture_output=True, text=True, check=True
    )
    [line] = failing.stderr.splitlines()
    [error] = json.loads(line)["exception"]
    assert (error["exc_type"], error["exc_value"]) == ("RuntimeError", "broken")
    assert [frame["name"] for frame in error["frames"]] == ["<module>", "fail"]
    assert PASSWORD not in line
