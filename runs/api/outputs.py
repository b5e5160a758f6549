"""The JSON of responses."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ..models import Membership, Run, RunItem
from ..readers.verdict import VerdictCode, eta_seconds, is_stale, verdict_in_own_zone
from ..states import Action, ErrorCode, ItemStatus, Status, StopRequest
from ..stored_text import translate_stored


class VerdictSerializer(serializers.Serializer[Any]):
    code = serializers.ChoiceField(choices=VerdictCode.choices)
    label = serializers.CharField()  # type: ignore[assignment]  # the stubs mean a field's own label
    message = serializers.CharField(allow_blank=True)
    evidence = serializers.DictField()


class RunSerializer(serializers.Serializer[Run]):
    """A run from `fetch_repaired`, whose ages come from the database."""

    id = serializers.IntegerField()
    type = serializers.CharField(source="slug")
    business_id = serializers.IntegerField()
    status = serializers.ChoiceField(choices=Status.choices)
    status_label = serializers.CharField(source="get_status_display")
    total = serializers.IntegerField(allow_null=True)
    processed = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    progress_pct = serializers.FloatField(allow_null=True)
    eta_seconds = serializers.SerializerMethodField()
    rate = serializers.FloatField(allow_null=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    heartbeat_at = serializers.DateTimeField(allow_null=True)
    progress_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    seconds_since_heartbeat = serializers.FloatField(source="heartbeat_age", allow_null=True)
    stale_after_seconds = serializers.SerializerMethodField()
    is_stale = serializers.SerializerMethodField()
    verdict = serializers.SerializerMethodField()
    attempt = serializers.IntegerField()
    version = serializers.IntegerField()
    error_code = serializers.ChoiceField(choices=ErrorCode.choices, allow_blank=True)
    error_message = serializers.CharField(allow_blank=True)
    requested = serializers.ChoiceField(choices=StopRequest.choices, allow_blank=True)
    actions = serializers.SerializerMethodField()
    server_now = serializers.DateTimeField()
    details = serializers.SerializerMethodField()

    def get_eta_seconds(self, run: Run) -> int | None:
        return eta_seconds(run)

    def get_stale_after_seconds(self, run: Run) -> float:
        return run.stale_after().total_seconds()

    def get_is_stale(self, run: Run) -> bool:
        return is_stale(run)

    @extend_schema_field(VerdictSerializer)
    def get_verdict(self, run: Run) -> Any:
        return VerdictSerializer(verdict_in_own_zone(run)).data

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(choices=Action.choices)))
    def get_actions(self, run: Run) -> list[str]:
        return [str(action) for action in run.actions()]

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_details(self, run: Run) -> dict[str, Any]:
        return {name: getattr(run, name) for name in run.public_fields}


class MembershipSerializer(serializers.ModelSerializer[Membership]):
    """One of the caller's businesses, with the caller's role."""

    id = serializers.IntegerField(source="business.id")
    slug = serializers.CharField(source="business.slug")
    name = serializers.CharField(source="business.name")

    class Meta:
        model = Membership
        fields = ["id", "slug", "name", "role"]


class FactSerializer(serializers.Serializer[Any]):
    """A labelled value: a text in the caller's language, or else a time."""

    label = serializers.CharField()  # type: ignore[assignment]  # the stubs mean a field's own label
    text = serializers.CharField(allow_blank=True)
    at = serializers.DateTimeField(allow_null=True)


class ItemAboutSerializer(serializers.Serializer[RunItem]):
    """What lists show of an item."""

    headline = serializers.CharField()
    facts = FactSerializer(many=True)


class StoredTextField(serializers.CharField):
    """A text that a worker has stored: in the reader's language where it is ours."""

    def to_representation(self, value: str) -> str:
        return translate_stored(value)


class ItemSerializer(serializers.Serializer[RunItem]):
    """Besides these fields, an item shows its type's `public_fields`."""

    id = serializers.IntegerField()
    key = serializers.CharField()
    status = serializers.ChoiceField(choices=ItemStatus.choices)
    error_code = serializers.CharField(allow_blank=True)
    error_message = StoredTextField(allow_blank=True)
    attempts = serializers.IntegerField()
    about = ItemAboutSerializer(source="*")

    def to_representation(self, item: RunItem) -> dict[str, Any]:
        own = {name: getattr(item, name) for name in item.public_fields}
        return {**super().to_representation(item), **own}


class ActorSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    name = serializers.CharField(allow_blank=True)


class EventSerializer(serializers.Serializer[Any]):
    """One change of status. `traceback` is there for staff only."""

    id = serializers.IntegerField(source="pgh_id")
    at = serializers.DateTimeField(source="pgh_created_at")
    status = serializers.ChoiceField(choices=Status.choices)
    actor = serializers.SerializerMethodField()
    reason = serializers.SerializerMethodField()
    attempt = serializers.IntegerField()
    worker = serializers.CharField(allow_blank=True)
    total = serializers.IntegerField(allow_null=True)
    processed = serializers.IntegerField()
    heartbeat_at = serializers.DateTimeField(allow_null=True)
    requested = serializers.ChoiceField(choices=StopRequest.choices, allow_blank=True)
    error_code = serializers.ChoiceField(choices=ErrorCode.choices, allow_blank=True)
    error_message = StoredTextField(allow_blank=True)
    traceback = serializers.SerializerMethodField()

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        reader = getattr(self.context.get("request"), "user", None)
        if reader is not None and not reader.is_staff:
            del fields["traceback"]
        return fields

    @extend_schema_field(ActorSerializer(allow_null=True))
    def get_actor(self, event: Any) -> Any:
        actor = event_context(event).get("actor")
        return ActorSerializer(actor).data if actor else None

    def get_reason(self, event: Any) -> str:
        return str(event_context(event).get("reason", ""))

    def get_traceback(self, event: Any) -> str | None:
        return event_context(event).get("traceback")


def event_context(event: Any) -> dict[str, Any]:
    """Empty for a change that was made by hand, in SQL."""
    return event.pgh_context or {}


class ErrorDetailSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()
    attr = serializers.CharField(allow_null=True, help_text=_("The field that caused the error, if there is one."))


class ErrorSerializer(serializers.Serializer[Any]):
    """The shape of every error."""

    type = serializers.CharField(help_text="validation_error, client_error or server_error")
    errors = ErrorDetailSerializer(many=True)  # type: ignore[assignment]  # the stubs mean Serializer.errors


class ConflictSerializer(ErrorSerializer):
    """The conflict is with this run."""

    run = RunSerializer()


class TokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField()
    expiry = serializers.DateTimeField(allow_null=True)


class ResetAnswer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    message = serializers.CharField()
    reset_count = serializers.IntegerField()
    by_type = serializers.DictField(child=serializers.IntegerField())
