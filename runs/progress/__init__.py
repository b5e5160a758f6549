"""What the work of a run reports with."""

from .effects import Effects
from .progress import Progress

__all__ = ["Effects", "Progress"]
