"""How the processor time of a parser grows with its input: the same on a slow machine and beside busy neighbours."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")

SHORTEST_SECONDS = 0.01  # anything shorter is hardly measured


def seconds_of(work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> float:
    """The time of this process on the processor."""
    began = time.process_time()
    work(*args, **kwargs)
    return time.process_time() - began


def has_grown_in_proportion(seconds: float, of_a_tenth: float) -> bool:
    """Beside a tenth of the input ten times as much is in proportion, and a hundred times as much is quadratic."""
    return seconds < 30 * max(of_a_tenth, SHORTEST_SECONDS)
