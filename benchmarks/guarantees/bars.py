"""G4: `processed` and `progress_pct` never decrease; only a person re-opens a run; `completed` is final."""

from __future__ import annotations

from typing import Final

from runs.states import FINISHED, TRANSITIONS

from .findings import Finding
from .logs import Logs, Look
from .timeline import History

LEGAL: Final = {(arrow.source.value, arrow.target.value) for arrow in TRANSITIONS}


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
                finding.violate(f"{history} was re-opened by {after.actor or 'nobody'} ({after.reason})")
    if history.processed < history.changes[-1].processed:
        finding.violate(f"{history} went back from {history.changes[-1].processed} processed to {history.processed}")


def check(finding: Finding, logs: Logs) -> None:
    shown: dict[tuple[str, str, int], tuple[int, float]] = {}
    for look in logs.read(Look):
        finding.count("bars compared with the look before")
        seen = (look.processed, look.progress_pct or 0.0)
        place = (look.door, look.type, look.run)
        before = shown.get(place, (0, 0.0))
        if seen[0] < before[0] or seen[1] < before[1]:
            finding.violate(f"{look.door} showed {look.type} {look.run} go back from {before} to {seen}")
        shown[place] = seen
