"""The API's own errors, each with its status and code."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from rest_framework import status
from rest_framework.exceptions import APIException

from ..durations import format_wait
from ..exceptions import StartQuotaReached

PERIODS = {
    timedelta(seconds=1): _("second"),
    timedelta(minutes=1): _("minute"),
    timedelta(hours=1): _("hour"),
    timedelta(days=1): _("day"),
}


def error_json(kind: str, code: str, detail: object, attr: str | None = None) -> dict[str, Any]:
    """The JSON shape of all errors, for those that no view raises."""
    return {"type": kind, "errors": [{"code": code, "detail": str(detail), "attr": attr}]}


class Conflict(APIException):
    """A run's status, or an active run, forbids the request. The body has that run's JSON under `run`."""

    status_code = status.HTTP_409_CONFLICT

    def __init__(self, run: Mapping[str, Any], detail: str | None = None) -> None:
        super().__init__(detail)
        self.run = run


class ActionNotAllowed(Conflict):
    default_code = "wrong_state"
    default_detail = _("The run's status doesn't allow this.")


class AlreadyActive(Conflict):
    default_code = "active_run_exists"
    default_detail = _("A run of this type is already active for this business.")


class DatabaseAway(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "database_away"
    default_detail = _("The database isn't available. Try again in a moment.")
    wait = 5  # seconds; becomes Retry-After


class NoStream(APIException):
    status_code = status.HTTP_406_NOT_ACCEPTABLE
    default_code = "no_stream"
    default_detail = _("This server can't stream. Poll the run instead.")


class TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = _("The request is too large.")


class LockedOut(APIException):
    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "locked_out"
    default_detail = _("Too many failed attempts. Try again later.")

    @property
    def wait(self) -> float:
        return settings.AXES_COOLOFF_TIME.total_seconds()  # becomes Retry-After


class TooManyStreams(APIException):
    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "too_many_streams"
    default_detail = _("You have too many streams open. Close some, or poll the run instead.")
    wait = 30  # seconds; becomes Retry-After


class Busy(APIException):
    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "busy"
    default_detail = _("The server is busy with other large requests. Try again in a moment.")
    wait = 10  # seconds; becomes Retry-After


class TooManyRequests(APIException):
    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "throttled"

    def __init__(self, wait: int) -> None:
        """`wait` in seconds; it becomes Retry-After."""
        template = ngettext(
            "Too many attempts. Try again in %(seconds)d second.",
            "Too many attempts. Try again in %(seconds)d seconds.",
            wait,
        )
        super().__init__(template % {"seconds": wait})
        self.wait = wait


class TooManyStarts(APIException):
    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "start_quota"

    def __init__(self, reached: StartQuotaReached) -> None:
        super().__init__(f"{describe_quota(reached)} {describe_wait(reached.wait)}")
        self.wait = reached.wait  # becomes Retry-After


def describe_quota(reached: StartQuotaReached) -> str:
    template = (
        ngettext(
            "Your business may start %(count)d run of this type per %(period)s.",
            "Your business may start %(count)d runs of this type per %(period)s.",
            reached.runs,
        )
        if reached.of_one_type
        else ngettext(
            "Your business may start %(count)d run per %(period)s.",
            "Your business may start %(count)d runs per %(period)s.",
            reached.runs,
        )
    )
    return template % {"count": reached.runs, "period": PERIODS[reached.period]}


def describe_wait(seconds: int) -> str:
    return gettext("The next one can start in %(time)s.") % {"time": format_wait(seconds)}
