"""Every exception of a view becomes JSON of one shape. Separate from `errors`, since this imports DRF's views."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import UnreadablePostError
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import ErrorResponse
from rest_framework.exceptions import APIException, ParseError
from rest_framework.response import Response

from ..database import is_database_away, record_outage
from ..exceptions import StartQuotaReached
from .errors import Conflict, DatabaseAway, TooLarge, TooManyStarts


class ErrorHandler(ExceptionHandler):
    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if is_database_away(exc):
            record_outage(exc)
            return DatabaseAway()
        if isinstance(exc, StartQuotaReached):
            return TooManyStarts(exc)
        if isinstance(exc, RequestDataTooBig):
            return TooLarge()
        if isinstance(exc, SuspiciousOperation | UnreadablePostError):
            return ParseError()
        return super().convert_known_exceptions(exc)

    def report_exception(self, exc: APIException, response: Response) -> None:
        """An outage is recorded once, without a traceback for each of its requests."""
        if not isinstance(exc, DatabaseAway):
            super().report_exception(exc, response)


class ErrorFormatter(ExceptionFormatter):
    def format_error_response(self, error_response: ErrorResponse) -> Any:
        body = super().format_error_response(error_response)
        return {**body, "run": self.exc.run} if isinstance(self.exc, Conflict) else body
