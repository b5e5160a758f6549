"""What the work of a run reports with."""

from .backoff import Backoff
from .effects import Effects
from .progress import Progress

__all__ = ["Backoff", "Effects", "Progress"]
