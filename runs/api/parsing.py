"""Request data to Python values, or a validation error."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework import serializers
from rest_framework.request import Request

from ..unstorable import find_unstorable
from .requests import raise_for_unstorable

M = TypeVar("M", bound=Model)


def choose_row(rows: QuerySet[M], pk: int | None, field: str, *, no_such: Any, which: Any, none: Any) -> M:
    """The row with this id or, without an id, the only row. Raises `ValidationError`."""
    if pk is not None:
        if row := rows.filter(pk=pk).first():
            return row
        raise serializers.ValidationError({field: no_such}, "does_not_exist")
    first_two = rows[:2]
    if len(first_two) != 1:
        raise serializers.ValidationError({field: which if first_two else none}, "required")
    return first_two[0]


def parse_query(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The validated query parameters. Raises `ValidationError`, `Http404`."""
    # A plain dict: in a QueryDict DRF reads a missing boolean as false.
    query = serializer(data=request.query_params.dict(), context={"request": request})
    query.is_valid(raise_exception=True)
    return dict(query.validated_data)


def parse_body(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The validated body. Raises `ValidationError`, `Http404`."""
    raise_for_unstorable(find_unstorable(request.data))
    body = serializer(data=request.data, context={"request": request})
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def parse_idempotency_key(request: Request) -> str:
    """Raises `ValidationError`."""
    field = serializers.CharField(max_length=200, allow_blank=True)
    try:
        return str(field.run_validation(request.headers.get("Idempotency-Key", "")))
    except serializers.ValidationError as error:
        raise serializers.ValidationError({"Idempotency-Key": error.detail}) from error
