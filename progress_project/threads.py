"""Python's interpreter where threads serve requests."""

import gc
import sys

from django.urls import get_resolver

# After this time, in seconds, a thread that waits for the GIL makes its owner release it. With Python's 0.005, nine
# threads that make lists interrupted one another all the time: a list took 22 ms instead of 12. An event loop beside
# them may wait as long for its turn.
SWITCH_INTERVAL = 0.02


def prepare_interpreter() -> None:
    """When all is loaded, and before the first request."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    _ = get_resolver().url_patterns  # imports the views, which the first request would do
    gc.collect()
    gc.freeze()  # what has been loaded stays: no collection has to go through it
