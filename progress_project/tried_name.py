"""The user name under which Axes counts a failed sign-in. No form bounds it, and Axes' tables do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

MAX_TRIED_NAME = 255  # characters, as in Axes' tables


def tried_name(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str | None:
    """Cut to the length of Axes' column. No account has a longer name."""
    name = (credentials or request.POST).get("username")
    return None if name is None else str(name)[:MAX_TRIED_NAME]
