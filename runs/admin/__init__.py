"""The staff's view. A run type registers with `RunAdmin`; see `receipts.admin`."""

from . import account, business  # noqa: F401  registers them
from .run import RunAdmin

__all__ = ["RunAdmin"]
