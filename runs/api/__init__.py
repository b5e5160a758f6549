"""Runs over HTTP. What the views of a run type need is exported here."""

from .fields import BusinessField, DayField, FlagField
from .outputs import ErrorSerializer, RunSerializer
from .pagination import NewestFirst
from .parsing import choose_row, parse_body, parse_idempotency_key, parse_query
from .run_json import serialize_run
from .run_responses import (
    ERRORS,
    IDEMPOTENCY_KEY,
    REFUSALS,
    get_run_or_404,
    run_json,
    run_response,
    start_run,
    user_of,
)

__all__ = [
    "ERRORS",
    "IDEMPOTENCY_KEY",
    "REFUSALS",
    "BusinessField",
    "DayField",
    "ErrorSerializer",
    "FlagField",
    "NewestFirst",
    "RunSerializer",
    "choose_row",
    "get_run_or_404",
    "parse_body",
    "parse_idempotency_key",
    "parse_query",
    "run_json",
    "run_response",
    "serialize_run",
    "start_run",
    "user_of",
]
