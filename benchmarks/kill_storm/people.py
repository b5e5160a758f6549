"""People during the storm: they cancel, pause and reset at random by the API, and reopen runs that have stopped."""

from __future__ import annotations

import random
from typing import Final

from django.contrib.auth.models import User
from django.db import connection
from rest_framework.test import APIClient

from runs.database import discard_connection
from runs.models import Business, Membership, Run
from runs.states import Action, Status

from ..guarantees.isolation import client_of
from ..guarantees.logs import BadAnswer, Logs, PersonRequest

REQUESTS: Final = {"cancel": 2, "pause": 2, "reset": 2}  # how often each
RESET: Final = "reset"
# How a person reopens a run that has stopped.
REOPENED_BY: Final = {
    Status.FAILED: Action.RETRY,
    Status.PAUSED: Action.RESUME,
    Status.CANCELLED: Action.RESUME,
}
RESUMES_AT_ONCE: Final = 0.3  # the chance that a stopped run is resumed in this round


class People:
    """One member of every business, who is staff too. Logs each request and its answer."""

    def __init__(self, model: type[Run], logs: Logs, chance: random.Random) -> None:
        self.retried = 0
        self._model, self._logs, self._chance = model, logs, chance
        person = User.objects.create_superuser("person", password=None)
        Membership.objects.bulk_create([Membership(user=person, business=each) for each in Business.objects.all()])
        self._client = client_of(person)

    def client(self) -> APIClient:
        """A further client of the same person."""
        return client_of(User.objects.get(username="person"))

    def interfere(self) -> bool:
        """Cancel, pause or reset an active run; False where there is none that can be."""
        action = self._chance.choices(list(REQUESTS), list(REQUESTS.values()))[0]
        active = self._model.objects.active().order_by("pk")
        if not (runs := [run for run in active if action == RESET or action in run.actions()]):
            return False
        run = self._chance.choice(runs)
        if action == RESET:
            self._post(action, 0, f"/api/admin/business/{run.business_id}/reset-progress", types=[run.slug])
        else:
            self._request_action(run, Action(action))
        return True

    def reopen_stopped_runs(self, *, at_once: bool = False) -> int:
        """Retry failed runs, and sooner or later resume stopped ones; returns how many runs aren't completed."""
        for run in self._model.objects.filter(status__in=REOPENED_BY).order_by("pk"):
            if at_once or run.status == Status.FAILED or self._chance.random() < RESUMES_AT_ONCE:
                self._request_action(run, REOPENED_BY[Status(run.status)])
                self.retried += run.status == Status.FAILED
        return self._model.objects.exclude(status=Status.COMPLETED).count()

    def _request_action(self, run: Run, action: Action) -> None:
        self._post(action, run.pk, f"/api/runs/{run.slug}/{run.pk}/{action}/")

    def _post(self, action: str, run: int, url: str, **body: object) -> None:
        before = database_now()
        response = self._client.post(url, body, format="json")
        if response.status_code == 503:  # the database is away
            discard_connection()
            return
        if response.status_code not in (200, 409):
            self._logs.append([BadAnswer(url, response.status_code, repr(response.content[:200]))])
        count = response.json()["reset_count"] if action == RESET and response.status_code == 200 else 0
        request = PersonRequest(action, self._model.slug, run, before, database_now(), response.status_code, count)
        self._logs.append([request])


def database_now() -> float:
    """Seconds by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        return float(cursor.fetchone()[0])
