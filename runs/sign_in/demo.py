"""The demo's users. Their password is public, so a system check refuses them in production."""

from __future__ import annotations

from typing import Final

PASSWORD: Final = "demo-only"  # noqa: S105
STAFF: Final = "staff"
MEMBERS: Final = ("member-a", "member-b")
USERS: Final = (STAFF, *MEMBERS)
