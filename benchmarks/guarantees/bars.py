"""G4: `processed` and `progress_pct` never decrease; only a person re-opens a run; `completed` is final."""

from __future__ import annotations

from typing import Final

from runs.states import FINISHED, TRANSITIONS

from .findings import Finding
from .logs import Logs, Observation
from .timeline import History

LEGAL: Final = {(transition.source.value, transition.target.value) for transition in TRANSITIONS}


def check_history(finding: Finding, history: History) -> None:
    for before, after in history.pairs():
        finding.count("changes of status")
        if (before.status, after.status) not in LEGAL:
            finding.violate(f"{history} went from {before.status} to {after.status}")
        if after.processed < before.processed:
            finding.violate(f"{history} went back from {before.processed} processed to {after.processed}")
        if before.status in FINISHED:
            finding.count("runs re-opened")
            if not after.is_by_person:
                finding.violate(f"{history} was re-opened by {after.actor or 'no person'} ({after.reason})")
    if history.processed < history.changes[-1].processed:
        finding.violate(f"{history} went back from {history.changes[-1].processed} processed to {history.processed}")


def check(finding: Finding, logs: Logs) -> None:
    shown: dict[tuple[str, str, int], tuple[int, float]] = {}
    for observation in logs.read(Observation):
        finding.count("bars compared with the observation before")
        now = (observation.processed, observation.progress_pct or 0.0)
        reader = (observation.door, observation.type, observation.run)
        before = shown.get(reader, (0, 0.0))
        if now[0] < before[0] or now[1] < before[1]:
            finding.violate(
                f"{observation.door} showed {observation.type} {observation.run} go back from {before} to {now}"
            )
        shown[reader] = now
