"""A bound on failed sign-ins by address, whatever names are tried: for API, page and admin alike.

Axes locks out one who guesses the password of one name. One who tries a password on many names isn't seen by it.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from ..api.errors import TooManyRequests
from ..throttling import return_permit, take_permit
from .address import client_address

SCOPE = "login"


class ThrottledSignIn:
    """Stands before the other backends and knows nobody itself."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        """Raises `TooManyRequests`. Permits are taken before the password is checked: parallel guesses count too."""
        if request is None:
            return
        caller = client_address(request)
        if wait := take_permit(SCOPE, caller):
            raise TooManyRequests(wait)
        request.sign_in_permit = caller  # type: ignore[attr-defined]


@receiver(user_logged_in)
def return_permit_of_success(request: HttpRequest | None, user: User, **kwargs: Any) -> None:
    """Only what fails counts: a whole office may come to work at nine, by one address."""
    if request is not None and hasattr(request, "sign_in_permit"):
        return_permit(SCOPE, request.sign_in_permit)
        del request.sign_in_permit
