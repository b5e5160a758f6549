"""A reader of all runs while the storm lasts. The checker judges afterwards what it was shown."""

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
from ..guarantees.logs import BadAnswer, Deadlocks, Logs, Observation

READ_EVERY_SECONDS: Final = 0.2
READS_PER_REQUEST: Final = 5  # so often from the database, and then once by the API


class Reader(threading.Thread):
    """Reads every run repeatedly, as a page does, and the number of deadlocks."""

    def __init__(self, model: type[Run], client: APIClient, logs: Logs) -> None:
        super().__init__(name="reader", daemon=True)
        self.over = threading.Event()
        self.reads = 0
        self._model, self._client, self._logs = model, client, logs
        self._shown: dict[tuple[str, int], Any] = {}

    def run(self) -> None:
        while not self.over.wait(READ_EVERY_SECONDS):
            try:
                self._read_runs()
            except Exception as error:
                if not is_database_away(error):
                    raise
                discard_connection()  # a read that fails shows nothing wrong
        connection.close()

    def _read_runs(self) -> None:
        self._log_changes(self._read_database())
        if self.reads % READS_PER_REQUEST == 0:
            self._log_changes(self._read_api())
            self._logs.append([Deadlocks(deadlocks())])
        self.reads += 1

    def _log_changes(self, observations: Iterator[Observation]) -> None:
        for observation in observations:
            reader, shown = (
                (observation.door, observation.run),
                (observation.status, observation.processed, observation.progress_pct),
            )
            if self._shown.get(reader) != shown or _seems_dead(observation):
                self._logs.append([observation])
            self._shown[reader] = shown

    def _read_database(self) -> Iterator[Observation]:
        for run in fetch_repaired(self._model.objects.with_ages()):
            yield Observation(
                door="fetch_repaired",
                type=run.slug,
                run=run.pk,
                status=run.status,
                processed=run.processed,
                progress_pct=run.progress_pct,
                silence=run.heartbeat_age,
                allowed_silence=self._allowed_silence(run.heartbeat_age, run.silence_left),
            )

    def _read_api(self) -> Iterator[Observation]:
        url: str | None = f"/api/runs/?type={self._model.slug}"
        while url:
            response = self._client.get(url)
            if response.status_code == 503:  # the database is away
                discard_connection()
                return
            if response.status_code != 200:
                self._logs.append([BadAnswer(url, response.status_code, repr(response.content[:200]))])
                return
            page = response.json()
            for run in page["results"]:
                yield self._observation_of_json(run)
            url = page["next"]

    def _observation_of_json(self, run: dict[str, Any]) -> Observation:
        silence, silence_left = run["seconds_since_heartbeat"], None
        if (silence or 0) > run["stale_after_seconds"]:  # the API doesn't show a silence that the work has announced
            silence_left = self._model.objects.with_ages().get(pk=run["id"]).silence_left
        return Observation(
            door="api",
            type=run["type"],
            run=run["id"],
            status=run["status"],
            processed=run["processed"],
            progress_pct=run["progress_pct"],
            silence=silence,
            allowed_silence=self._allowed_silence(silence, silence_left),
        )

    def _allowed_silence(self, silence: float | None, silence_left: float | None) -> float:
        """The threshold; more in a step that has announced its silence."""
        threshold = self._model.stale_after().total_seconds()
        return max(threshold, (silence or 0) + silence_left) if silence_left and silence_left > 0 else threshold


def _seems_dead(observation: Observation) -> bool:
    return observation.status == Status.RUNNING and (observation.silence or 0) > observation.allowed_silence
