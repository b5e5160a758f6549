"""A client of the stream of runs, which reads its events and comments as they come."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from django.contrib.auth.models import User
from knox.models import AuthToken

from tests.servers import ANSWER_SECONDS


class Stream:
    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._blocks = self._read_blocks()

    def _read_blocks(self) -> Iterator[dict[str, str]]:
        block: dict[str, str] = {}
        comments = 0  # since the last event; the server sends one after 15 s without
        for line in self.response.iter_lines():
            if not line:
                comments = comments + 1 if "comment" in block else 0
                assert comments < 3, "the stream sends comments alone, and doesn't end"
                yield block
                block = {}
            else:
                name, _colon, value = line.partition(":")
                block[name or "comment"] = value.strip()

    def next_run(self) -> dict[str, Any]:
        """The JSON of the next run that the server sends."""
        return self.next_event()[1]

    def next_event(self) -> tuple[str, dict[str, Any]]:
        """The next run with the id of its event."""
        block = self._next_block("run")
        return block["id"], json.loads(block["data"])

    def next_state(self) -> dict[str, Any]:
        """Of the operator's home: its figures, and the order of its rows."""
        state: dict[str, Any] = json.loads(self._next_block("state")["data"])
        return state

    def _next_block(self, event: str) -> dict[str, str]:
        for block in self._blocks:
            if block.get("event") == event:
                return block
        raise AssertionError("the stream has ended")

    def ends_without_event(self) -> bool:
        return all("event" not in block for block in self._blocks)


@contextmanager
def open_stream(url: str, business: object, **headers: str) -> Iterator[Stream]:
    with open_stream_at(f"{url}/api/runs/stream/?business={business}", **headers) as stream:
        yield stream


@contextmanager
def open_stream_at(address: str, **headers: str) -> Iterator[Stream]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with httpx.stream("GET", address, headers=named, timeout=ANSWER_SECONDS) as response:
        assert response.status_code == 200, response.read()
        yield Stream(response)


def make_token(user: User) -> str:
    return f"Bearer {AuthToken.objects.create(user)[1]}"
