"""What requests may say, and how they are parsed."""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Model, QuerySet
from rest_framework import serializers
from rest_framework.fields import get_error_detail
from rest_framework.request import Request

from ..states import ItemStatus, Status
from ..unstorable import find_unstorable
from .fields import BusinessField, FlagField, RunTypeField
from .requests import refuse

M = TypeVar("M", bound=Model)


class RunQuery(serializers.Serializer[Any]):
    business = BusinessField(required=False)
    type = RunTypeField(required=False)
    status = serializers.ChoiceField(choices=Status.choices, required=False)
    active = serializers.BooleanField(required=False)


class EventQuery(serializers.Serializer[Any]):
    order = serializers.ChoiceField(choices=["oldest", "newest"], default="oldest")


class ItemQuery(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=ItemStatus.choices, required=False)
    format = serializers.ChoiceField(choices=["json", "csv"], default="json")


class LoginRequest(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)


class LogoutRequest(serializers.Serializer[Any]):
    all = FlagField(default=False, help_text="Every token and every session of the caller.")


class PasswordRequest(serializers.Serializer[Any]):
    password = serializers.CharField(max_length=1000, trim_whitespace=False, help_text="The present one.")
    new_password = serializers.CharField(max_length=1000, trim_whitespace=False)

    def validate_new_password(self, value: str) -> str:
        try:
            validate_password(value, self.context["request"].user)
        except DjangoValidationError as error:
            raise serializers.ValidationError(get_error_detail(error)) from error
        return value


class ResetRequest(serializers.Serializer[Any]):
    """Without `types`, all of them. An empty list is refused: it could be meant as none."""

    types = serializers.ListField(child=RunTypeField(), required=False, allow_null=True, allow_empty=False)
    only_stale = FlagField(default=False)
    reason = serializers.CharField(default="", allow_blank=True, max_length=500)


def chosen(rows: QuerySet[M], pk: int | None, field: str, *, no_such: Any, which: Any, none: Any) -> M:
    """The row with this id, or the only one; another business's is none of these. Raises `ValidationError`."""
    if pk is not None:
        if row := rows.filter(pk=pk).first():
            return row
        raise serializers.ValidationError({field: no_such}, "does_not_exist")
    some = rows[:2]
    if len(some) != 1:
        raise serializers.ValidationError({field: which if some else none}, "required")
    return some[0]


def parse_query(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """What the query string says. Raises `ValidationError`, `Http404`."""
    # A plain dict: in a form's one, a missing boolean would mean false.
    query = serializer(data=request.query_params.dict(), context={"request": request})
    query.is_valid(raise_exception=True)
    return dict(query.validated_data)


def parse_body(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """What the body says. Raises `ValidationError`, `Http404`."""
    refuse(find_unstorable(request.data))
    body = serializer(data=request.data, context={"request": request})
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def idempotency_key(request: Request) -> str:
    """Raises `ValidationError`."""
    field = serializers.CharField(max_length=200, allow_blank=True)
    try:
        return str(field.run_validation(request.headers.get("Idempotency-Key", "")))
    except serializers.ValidationError as error:
        raise serializers.ValidationError({"Idempotency-Key": error.detail}) from error
