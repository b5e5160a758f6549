"""The staff's view. A run type registers with `RunAdmin`; see `receipts.admin`."""

from . import account, all_runs, business, fleet, limits  # noqa: F401  registers them
from .read_only import ReadOnlyAdmin
from .run import RunAdmin
from .secrets import AccountAdmin, AccountForm, SecretField

__all__ = ["AccountAdmin", "AccountForm", "ReadOnlyAdmin", "RunAdmin", "SecretField"]
