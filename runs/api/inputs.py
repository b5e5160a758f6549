"""The fields of request bodies and query strings."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers
from rest_framework.fields import get_error_detail

from ..states import ItemStatus, Status
from .fields import BusinessField, FlagField, RunTypeField


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
    """Without `types`, all of them. An empty list is refused, since it could also mean none."""

    types = serializers.ListField(child=RunTypeField(), required=False, allow_null=True, allow_empty=False)
    only_stale = FlagField(default=False)
    reason = serializers.CharField(default="", allow_blank=True, max_length=500)
