"""Serializer fields for what requests refer to: a business, a run type, a day."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import Http404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ..days import FIRST_DAY, LAST_DAY
from ..models import Business, Run, run_types
from .visits import find_readable_business


@extend_schema_field({"oneOf": [{"type": "string", "minLength": 1, "maxLength": 200}, {"type": "integer"}]})
class BusinessField(serializers.Field[Business, Any, Any, Any]):
    """One of the caller's businesses, by id or slug. Any other is not found, whether it exists or not."""

    default_error_messages = {"invalid": _("Give a business's id or slug.")}

    def to_internal_value(self, data: Any) -> Business:
        """Raises `Http404`, `ValidationError`."""
        if isinstance(data, bool) or not isinstance(data, int | str):
            self.fail("invalid")
        return or_404(find_readable_business(self.context["request"], parse_id_or_slug(data)))

    def to_representation(self, value: Business) -> int:
        return value.pk


class AnyBusinessField(BusinessField):
    """Any business, for views of staff that have checked their permission."""

    def to_internal_value(self, data: Any) -> Business:
        """Raises `Http404`, `ValidationError`."""
        return or_404(Business.objects.find(parse_id_or_slug(data)))


def parse_id_or_slug(data: str | int) -> str:
    """Raises `ValidationError`."""
    return str(serializers.CharField(max_length=200).run_validation(data))


def or_404(business: Business | None) -> Business:
    """Raises `Http404`."""
    if business is None:
        raise Http404
    return business


class FlagField(serializers.BooleanField):
    """JSON's true or false. DRF's own field also accepts 0, "no" and the like."""

    def to_internal_value(self, data: Any) -> bool:
        """Raises `ValidationError`."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class RunTypeField(serializers.Field[type[Run], Any, str, Any]):
    """A run type by its slug."""

    default_error_messages = {"invalid_choice": _("There is no such run type.")}

    def to_internal_value(self, data: Any) -> type[Run]:
        """Raises `ValidationError`."""
        models: dict[Any, type[Run]] = {model.slug: model for model in run_types()}
        if not isinstance(data, str) or data not in models:
            self.fail("invalid_choice")
        return models[data]

    def to_representation(self, value: type[Run]) -> str:
        return value.slug


@extend_schema_field({"type": "string", "format": "date", "pattern": r"^(19|2\d)\d\d-"})
class DayField(serializers.DateField):
    """A day from 1900 to 2999: arithmetic with days nearer to the calendar's ends could overflow."""

    default_error_messages = {"out_of_range": _("Enter a day between 1900 and 2999.")}

    def to_internal_value(self, value: Any) -> date:
        """Raises `ValidationError`."""
        day = super().to_internal_value(value)
        if not FIRST_DAY <= day <= LAST_DAY:
            self.fail("out_of_range")
        return day
