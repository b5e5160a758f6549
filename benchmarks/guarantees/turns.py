"""Fair claims: no limit is ever exceeded, no free slot idles beside a claimable run, lost machines' runs go on.

Judged only where a log says which limits held, which slots were free, and which machines were lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from runs.states import Status

from .findings import Finding
from .logs import Death, Logs, RunningLimit, SlotLook
from .timeline import History

# The timeline has the time when a transaction began: a claim may have waited for the lock of a run's end.
LOCK_SECONDS: Final = 1.0
FREE_SLOT_SECONDS: Final = 5.0
LOOKS_APART: Final = 2.0  # between two looks that are further apart, as over an outage, nothing is known
MACHINE_LOST_SECONDS: Final = 60.0
LOST_MACHINES: Final = ("machine", "freeze")

Interval = tuple[float, float]


class Attempts:
    """Collects, run by run, when attempts ran and ended. `slack`: see `checker.check`."""

    def __init__(self, slack: float = 0.0) -> None:
        self._slack = slack
        self._running: dict[tuple[int, str], list[Interval]] = {}
        self._ends: dict[tuple[str, int, int], float] = {}

    def add(self, history: History, business: int) -> None:
        slug = history.model.slug
        for before, after in history.pairs():
            if before.status == Status.RUNNING:
                self._running.setdefault((business, slug), []).append((before.at, after.at))
                self._ends[slug, history.run, before.attempt] = after.at

    def check(self, finding: Finding, logs: Logs) -> None:
        finding.count("attempts that have ended", len(self._ends))
        for limit in logs.read(RunningLimit):
            self._check_limit(finding, limit)
        for death in logs.read(Death):
            if death.kind in LOST_MACHINES:
                self._check_machine(finding, death)
        _check_free_slots(finding, logs.read(SlotLook), FREE_SLOT_SECONDS + self._slack)

    def _check_limit(self, finding: Finding, limit: RunningLimit) -> None:
        counted = [
            interval
            for (business, slug), intervals in self._running.items()
            if limit.business in (None, business) and limit.run_type in ("", slug)
            for interval in intervals
        ]
        finding.count("attempts that a limit counts", len(counted))
        exceeded = longest_above(limit.max_running, counted)
        finding.count_highest("seconds above a limit, by the times of transactions, at most", exceeded)
        if exceeded > LOCK_SECONDS + self._slack:
            finding.violate(f"{limit} was exceeded for {exceeded:.1f} s")

    def _check_machine(self, finding: Finding, death: Death) -> None:
        for run, attempt in death.attempts:
            finding.count("attempts on machines that were lost or frozen")
            ended = self._ends.get((death.type, run, attempt))
            if ended is None:
                finding.violate(f"{death.type} {run} stayed with a machine that was lost ({death.kind})")
            else:
                finding.count_highest("seconds until such a run went on, at most", ended - death.at)
                if ended - death.at > MACHINE_LOST_SECONDS:
                    finding.violate(f"{death.type} {run} went on {ended - death.at:.1f} s after its machine's end")


def longest_above(most: int, intervals: Iterable[Interval]) -> float:
    """For how long at a time more than so many of these overlap."""
    changes = sorted(change for start, end in intervals for change in ((start, 1), (end, -1)))
    longest, running, since = 0.0, 0, None
    for moment, change in changes:
        running += change
        if running > most and since is None:
            since = moment
        elif running <= most and since is not None:
            longest, since = max(longest, moment - since), None
    return longest


def _check_free_slots(finding: Finding, looks: list[SlotLook], longest: float) -> None:
    finding.count("looks at free slots", len(looks))
    for start, end in idle_stretches(looks):
        finding.count_highest("seconds with a free slot and a claimable run, at most", end - start)
        if end - start > longest:
            finding.violate(f"a slot was free for {end - start:.1f} s while a run could be claimed, until {end:.1f}")


def idle_stretches(looks: list[SlotLook]) -> Iterator[Interval]:
    """From the first to the last of the looks in a row that saw both a free slot and a claimable run."""
    stretch, last = 0, 0.0

    def stretch_of(look: SlotLook) -> tuple[int, bool]:
        nonlocal stretch, last
        stretch += look.at - last > LOOKS_APART
        last = look.at
        return stretch, bool(look.free_slots and look.claimable)

    for (_stretch, is_idle), group in groupby(sorted(looks, key=lambda look: look.at), stretch_of):
        moments = [look.at for look in group]
        if is_idle:
            yield moments[0], moments[-1]
