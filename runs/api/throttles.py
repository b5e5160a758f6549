"""Limits how often a caller may call a view. The rates are in the settings, by scope."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from ..sign_in.address import client_address
from ..throttling import take_permit_or_get_wait
from .errors import TooManyRequests


class CallerThrottle(BaseThrottle):
    """By user, or by address when nobody is signed in. The view has a `throttle_scope`."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Raises `TooManyRequests`."""
        caller = f"user {request.user.pk}" if request.user.is_authenticated else client_address(request._request)
        if wait := take_permit_or_get_wait(view.throttle_scope, caller):
            raise TooManyRequests(wait)
        return True
