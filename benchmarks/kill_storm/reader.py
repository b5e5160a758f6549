"""A reader of all runs for as long as the storm lasts; what it was shown is judged afterwards, by the checker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, Final

from django.db import connection
from rest_framework.test import APIClient

from runs.database import discard_connection, is_database_away
from runs.models import Run
from runs.readers.verdict import fetch_repaired
from runs.states import Status

from ..guarantees.locks import deadlocks
from ..guarantees.logs import BadAnswer, Deadlocks, Logs, Look

LOOK_EVERY: Final = 0.2
LOOKS_PER_REQUEST: Final = 5  # so often within the process, and then once by the API


class Reader(threading.Thread):
    """Looks at every run again and again, as a page does, and at how many deadlocks there were."""

    def __init__(self, model: type[Run], client: APIClient, logs: Logs) -> None:
        super().__init__(name="reader", daemon=True)
        self.over = threading.Event()
        self.looks = 0
        self._model, self._client, self._logs = model, client, logs
        self._shown: dict[tuple[str, int], Any] = {}

    def run(self) -> None:
        while not self.over.wait(LOOK_EVERY):
            try:
                self._look()
            except Exception as error:
                if not is_database_away(error):
                    raise
                discard_connection()  # no answer is no lie
        connection.close()

    def _look(self) -> None:
        self._note(self._told())
        if self.looks % LOOKS_PER_REQUEST == 0:
            self._note(self._answered())
            self._logs.append([Deadlocks(deadlocks())])
        self.looks += 1

    def _note(self, looks: Iterator[Look]) -> None:
        for look in looks:
            place, shown = (look.door, look.run), (look.status, look.processed, look.progress_pct)
            if self._shown.get(place) != shown or _seems_dead(look):
                self._logs.append([look])
            self._shown[place] = shown

    def _told(self) -> Iterator[Look]:
        for run in fetch_repaired(self._model.objects.with_ages()):
            yield Look(
                door="tell",
                type=run.slug,
                run=run.pk,
                status=run.status,
                processed=run.processed,
                progress_pct=run.progress_pct,
                silence=run.heartbeat_age,
                allowed_silence=self._allowed(run.heartbeat_age, run.silence_left),
            )

    def _answered(self) -> Iterator[Look]:
        address: str | None = f"/api/runs/?type={self._model.slug}"
        while address:
            answer = self._client.get(address)
            if answer.status_code == 503:  # the database is away, and the answer says so
                discard_connection()
                return
            if answer.status_code != 200:
                self._logs.append([BadAnswer(address, answer.status_code, repr(answer.content[:200]))])
                return
            page = answer.json()
            for run in page["results"]:
                yield self._look_at_json(run)
            address = page["next"]

    def _look_at_json(self, run: dict[str, Any]) -> Look:
        silence, silence_left = run["seconds_since_heartbeat"], None
        if (silence or 0) > run["stale_after_seconds"]:  # what it has announced isn't among what the API tells
            silence_left = self._model.objects.with_ages().get(pk=run["id"]).silence_left
        return Look(
            door="api",
            type=run["type"],
            run=run["id"],
            status=run["status"],
            processed=run["processed"],
            progress_pct=run["progress_pct"],
            silence=silence,
            allowed_silence=self._allowed(silence, silence_left),
        )

    def _allowed(self, silence: float | None, silence_left: float | None) -> float:
        """The threshold; more in a step that has announced to be silent."""
        threshold = self._model.stale_after().total_seconds()
        return max(threshold, (silence or 0) + silence_left) if silence_left and silence_left > 0 else threshold


def _seems_dead(look: Look) -> bool:
    return look.status == Status.RUNNING and (look.silence or 0) > look.allowed_silence
