"""Changing one's own password: who does it must know the present one, and can't try many."""

from __future__ import annotations

from django.contrib.auth.models import User

from ..api.errors import TooManyRequests
from ..throttling import return_permit, take_permit
from .backend import SCOPE


def knows_password(user: User, password: str) -> bool:
    """Counted like failed sign-ins: whoever finds a screen unlocked may not guess on. Raises `TooManyRequests`."""
    caller = f"user {user.pk}"
    if wait := take_permit(SCOPE, caller):
        raise TooManyRequests(wait)
    known = user.check_password(password)
    if known:
        return_permit(SCOPE, caller)
    return known
