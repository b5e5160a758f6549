"""A database that is away: a request is answered at once, one that only finds all connections taken waits for one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.backends.postgresql import base

from progress_project.postgresql.base import DatabaseWrapper

POOL = {"min_size": 1, "max_size": 1, "timeout": 0.2}


@contextmanager
def pooled(**changed: Any) -> Iterator[DatabaseWrapper]:
    options = {**connection.settings_dict["OPTIONS"], "pool": POOL}
    wrapper = DatabaseWrapper({**connection.settings_dict, "OPTIONS": options, "CONN_MAX_AGE": 0, **changed}, "pooled")
    try:
        yield wrapper
    finally:
        wrapper.close_pool()


@pytest.mark.django_db
def test_a_request_doesnt_wait_for_a_server_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[object] = []
    connect = base.DatabaseWrapper.get_new_connection

    def count(self: base.DatabaseWrapper, parameters: Any) -> Any:
        tries.append(parameters)
        return connect(self, parameters)

    monkeypatch.setattr(base.DatabaseWrapper, "get_new_connection", count)
    with pooled(HOST=str(tmp_path)) as wrapper, pytest.raises(OperationalError):
        wrapper.ensure_connection()
    assert len(tries) == 1, "each waits for the timeout of the pool"


@pytest.mark.django_db
def test_a_request_waits_for_a_connection_that_others_use() -> None:
    with pooled() as wrapper:
        taken = wrapper.get_new_connection(wrapper.get_connection_params())
        giving_back = threading.Timer(3 * POOL["timeout"], wrapper.pool.putconn, [taken])
        giving_back.start()
        wrapper.ensure_connection()
        giving_back.join()
        wrapper.close()


@pytest.mark.parametrize("name", ["celery.beat", "django_celery_beat.schedulers"])
def test_beat_logs_one_line(name: str, caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise OperationalError("connection refused\n\tIs the server running?")
    except OperationalError as error:
        logging.getLogger(name).exception("Database gave error: %r", error)
    [record] = caplog.records
    assert (record.levelname, record.exc_info) == ("WARNING", None)
    assert record.getMessage() == "Waits for the database: connection refused"
