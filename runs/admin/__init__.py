"""The staff's view. A run type registers with `RunAdmin`; see `receipts.admin`."""

from . import account, all_runs, business, fleet, home, limits  # noqa: F401  registers them
from .business_filter import BusinessFilter
from .navigation import Entry, register_group
from .read_only import ReadOnlyAdmin
from .run import RunAdmin
from .secrets import AccountAdmin, AccountForm, SecretField, shown_for

__all__ = [
    "AccountAdmin",
    "AccountForm",
    "BusinessFilter",
    "Entry",
    "ReadOnlyAdmin",
    "RunAdmin",
    "SecretField",
    "register_group",
    "shown_for",
]
