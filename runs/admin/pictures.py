"""The pictures of the operator's home."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def pictures_context(request: HttpRequest) -> dict[str, Any]:
    """What `admin/runs/pictures.html` needs."""
    return {}
