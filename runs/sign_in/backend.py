"""Limits failed sign-ins by address, whatever the names: for the API, the page and the admin.

Axes locks out those who guess passwords of one name, but not those who try one password with many names.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from ..api.errors import TooManyRequests
from ..throttling import return_permit, take_permit_or_get_wait
from .address import client_address

SCOPE = "login"


class ThrottledSignIn:
    """The first of the backends. It takes a permit, and never authenticates."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        """Raises `TooManyRequests`. Permits are taken before the password is checked: parallel guesses count too."""
        if request is None:
            return
        caller = client_address(request)
        if wait := take_permit_or_get_wait(SCOPE, caller):
            raise TooManyRequests(wait)
        request.sign_in_permit = caller  # type: ignore[attr-defined]


@receiver(user_logged_in)
def return_permit_of_success(request: HttpRequest | None, user: User, **kwargs: Any) -> None:
    """Only failures count: a whole office may sign in at nine from one address."""
    if request is not None and hasattr(request, "sign_in_permit"):
        return_permit(SCOPE, request.sign_in_permit)
        del request.sign_in_permit
