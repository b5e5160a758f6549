"""The demo's users. Their password is public on purpose, so where it works nothing may be real."""

from __future__ import annotations

from typing import Final

PASSWORD: Final = "demo-only"  # noqa: S105
STAFF: Final = "staff"
MEMBERS: Final = ("member-a", "member-b")
USERS: Final = (STAFF, *MEMBERS)
