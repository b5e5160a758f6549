"""What the storm must not break, seen by a reader during it and in the timeline after it."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from django.db import connection

from runs.database import discard_connection, is_database_away
from runs.models import Run
from runs.states import ARROWS, Status
from runs.verdict import tell

LOOK_EVERY = 0.2
LEGAL = {(arrow.source, arrow.target) for arrow in ARROWS}


class Reader(threading.Thread):
    """Looks at every run again and again, as a page does, and remembers the highest bar it was shown."""

    def __init__(self, model: type[Run]) -> None:
        super().__init__(name="reader", daemon=True)
        self.model = model
        self.over = threading.Event()
        self.looks = 0
        self.violations: list[str] = []
        self._shown: dict[int, tuple[int, float]] = defaultdict(lambda: (0, 0.0))

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
        for run in tell(self.model.objects.with_ages()):
            shown = (run.processed, run.progress_pct or 0.0)
            before = self._shown[run.pk]
            if shown[0] < before[0] or shown[1] < before[1]:
                self.violations.append(f"run {run.pk} went back from {before} to {shown}")
            if run.status == Status.RUNNING and (run.heartbeat_age or 0) > run.stale_after().total_seconds():
                self.violations.append(f"run {run.pk} was shown running after {run.heartbeat_age:.0f} s of silence")
            self._shown[run.pk] = shown
        self.looks += 1


def violations(model: type[Run]) -> Iterator[str]:
    for run in model.objects.order_by("pk"):
        if run.status != Status.COMPLETED:
            yield f"run {run.pk} is stuck: {run.status} {run.error_code} {run.error_message}"
        yield from _illegal(run)


def _illegal(run: Run) -> Iterator[str]:
    events = run.events.order_by("pgh_id").values_list("status", "attempt")
    for (source, attempt), (target, next_attempt) in pairwise(events):
        if (source, target) not in LEGAL:
            yield f"run {run.pk} went from {source} to {target}"
        if next_attempt != attempt + (target == Status.RUNNING):
            yield f"run {run.pk} went from attempt {attempt} to {next_attempt} by {target}"
