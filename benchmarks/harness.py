"""What every benchmark shares: fair rounds, figures with their limits, and a description of the machine."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil
from rich.console import Console

ROUNDS = 5
STARTS = 50  # of `fairness`, whose rounds are single starts
QUICK_SHARE = 1000  # `--quick` does a thousandth of the work
FINISHED_RUNS = 10_000_000

Timed = Callable[[], float]  # does one round of one side and returns how many seconds it took
Seconds = Mapping[str, Sequence[float]]

_stderr = Console(stderr=True, highlight=False, soft_wrap=True)


class Unavailable(Exception):
    """A peer can't be measured here."""


@dataclass(frozen=True)
class Options:
    rounds: int = ROUNDS
    quick: bool = False
    finished_runs: int = FINISHED_RUNS
    starts: int = STARTS

    def amount(self, full: int, least: int = 1) -> int:
        return max(least, full // QUICK_SHARE) if self.quick else full


@dataclass(frozen=True)
class Row:
    """One figure and its goal. A value of None couldn't be measured, which is never a goal met."""

    figure: str
    value: float | None
    op: Literal["<=", ">="]
    limit: float

    @property
    def met(self) -> bool:
        if self.value is None:
            return False
        return self.value <= self.limit if self.op == "<=" else self.value >= self.limit

    def as_json(self) -> dict[str, Any]:
        return {"figure": self.figure, "value": self.value, "op": self.op, "limit": self.limit, "met": self.met}


@dataclass
class Result:
    rows: list[Row] = field(default_factory=list)

    def at_most(self, limit: float, figure: str, value: float | None) -> None:
        self.rows.append(Row(figure, _rounded(value), "<=", limit))

    def at_least(self, limit: float, figure: str, value: float | None) -> None:
        self.rows.append(Row(figure, _rounded(value), ">=", limit))


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def interleaved(sides: Mapping[str, Timed], rounds: int, *, warm_up: bool = True) -> Seconds:
    """Measure the sides in turn, every other round backwards: noise of the machine then affects all of them."""
    names = list(sides)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-1 if warm_up else 0, rounds):
        for name in names if number % 2 == 0 else reversed(names):
            taken = _undisturbed(sides[name])
            if number >= 0:
                seconds[name].append(taken)
    return seconds


def _undisturbed(timed: Timed) -> float:
    gc.collect()
    gc.disable()
    try:
        return timed()
    finally:
        gc.enable()


def ratio(seconds: Seconds, side: str, peer: str, *, scale: float = 1.0) -> float | None:
    """The median over the rounds of what `side` took for each second of `peer`; None without a peer."""
    if side not in seconds or peer not in seconds:
        return None
    pairs = zip(seconds[side], seconds[peer], strict=True)
    return scale * statistics.median(ours / theirs for ours, theirs in pairs)


def print_note(text: str) -> None:
    """Print progress to stderr, beside the figures."""
    _stderr.print(text, markup=False)


def print_seconds(seconds: Seconds, amounts: Mapping[str, int]) -> None:
    """What one piece of each side's work took: median, and the fastest and slowest round."""
    for name, taken in seconds.items():
        low, middle, high = (_human(f(taken) / amounts[name]) for f in (min, statistics.median, max))
        print_note(f"  {name}: {middle} each ({low} to {high})")


def _human(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def machine(postgresql: str) -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "load_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "postgresql": postgresql,
    }


def _cpu() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
