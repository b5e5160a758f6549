"""Checks the current password before a change, with a limit of attempts."""

from __future__ import annotations

from django.contrib.auth.models import User

from ..api.errors import TooManyRequests
from ..throttling import return_permit, take_permit_or_get_wait
from .backend import SCOPE


def verify_password(user: User, password: str) -> bool:
    """Failures count like failed sign-ins, so an unlocked screen can't be used to guess. Raises `TooManyRequests`."""
    caller = f"user {user.pk}"
    if wait := take_permit_or_get_wait(SCOPE, caller):
        raise TooManyRequests(wait)
    is_right = user.check_password(password)
    if is_right:
        return_permit(SCOPE, caller)
    return is_right
