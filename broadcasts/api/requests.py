"""The bodies of requests for a broadcast: the message and one audience."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from pywa.types.templates import TemplateLanguage
from rest_framework import serializers

from runs.api import BusinessField, choose_row
from runs.models import Business

from ..audience import MAX_COLUMNS, Audience, read_csv, read_listed, read_pasted
from ..messages import MAX_TEXT
from ..models import ProviderAccount

# Without pywa's own members `None` and `UNKNOWN`.
LANGUAGES = sorted(language.value for language in TemplateLanguage if re.fullmatch("[a-z]+(_[A-Z]+)?", language.value))

READERS: dict[str, Callable[[Any], Audience]] = {"file": read_csv, "numbers": read_pasted, "recipients": read_listed}

_PLAIN = {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}], "nullable": True}
_RECIPIENT = {
    "type": "object",
    "required": ["phone"],
    "properties": {"phone": _PLAIN},
    "additionalProperties": _PLAIN,
    "maxProperties": MAX_COLUMNS,
}


@extend_schema_field({"type": "array", "items": {"oneOf": [{"type": "string"}, {"type": "integer"}, _RECIPIENT]}})
class RecipientsField(serializers.Field[list[Any], Any, Any, Any]):
    """Numbers, or objects with `phone` and the variables. Quick: there may be tens of thousands."""

    default_error_messages = {"invalid": _("Give a list of numbers, or of objects with “phone” and the variables.")}

    def to_internal_value(self, data: Any) -> list[Any]:
        """Raises `ValidationError`."""
        if not isinstance(data, list) or not all(is_recipient(each) for each in data):
            self.fail("invalid")
        return list(data)


def is_recipient(value: Any) -> bool:
    if isinstance(value, dict):
        is_plain = all(isinstance(each, str | int | float | None) for each in value.values())
        return "phone" in value and len(value) <= MAX_COLUMNS and is_plain
    return isinstance(value, str | int) and not isinstance(value, bool)


@extend_schema_field({"type": "string", "pattern": "^[a-z0-9_]*$", "maxLength": 512, "default": ""})
class TemplateField(serializers.RegexField):
    """A template's name, or nothing."""


@extend_schema_field(OpenApiTypes.BINARY)
class UploadField(serializers.FileField): ...


class DraftRequest(serializers.Serializer[Any]):
    """The audience is one of `numbers` and `recipients`; in a multipart body, of `numbers` and `file` (CSV).

    `text` may contain `{{variables}}`. With a `template` it is the template's own text.
    A JSON body is bounded like every other here; larger audiences come as a file.
    """

    business = BusinessField()
    account = serializers.IntegerField(required=False, allow_null=True)
    text = serializers.CharField(max_length=MAX_TEXT)
    template = TemplateField(r"^[a-z0-9_]*$", required=False, default="", allow_blank=True, max_length=512)
    language = serializers.ChoiceField(choices=LANGUAGES, required=False, default="", allow_blank=True)
    numbers = serializers.CharField(
        required=False, allow_blank=True, max_length=settings.DATA_UPLOAD_MAX_MEMORY_SIZE, trim_whitespace=False
    )
    recipients = RecipientsField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["template"] and not attrs["language"]:
            raise serializers.ValidationError({"language": _("Choose the template's language.")}, "required")
        given = [name for name in READERS if attrs.get(name)]
        if len(given) != 1:
            message = _("Give one audience: a file, numbers or recipients.")
            raise serializers.ValidationError({given[-1] if given else "numbers": message}, "required")
        return {**attrs, "account": choose_account(attrs["business"], attrs.get("account")), "audience": given[0]}


class DraftForm(DraftRequest):
    account = serializers.IntegerField(required=False)
    file = UploadField(required=False, allow_empty_file=True)
    recipients = None  # type: ignore[assignment]  # a form has no lists of objects


class BroadcastRequest(DraftRequest):
    name = serializers.CharField(max_length=200)


class BroadcastForm(DraftForm):
    name = serializers.CharField(max_length=200)


def choose_account(business: Business, pk: int | None) -> ProviderAccount:
    """Raises `ValidationError`."""
    return choose_row(
        ProviderAccount.objects.filter(business=business),
        pk,
        "account",
        no_such=_("There is no such account."),
        which=_("Choose an account."),
        none=_("The business has no WhatsApp account yet."),
    )
