"""The JSON of a run, the same everywhere, and what requests about runs may say."""

from __future__ import annotations

from datetime import date
from typing import Any, TypeVar

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Model, QuerySet
from django.http import Http404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import get_error_detail
from rest_framework.request import Request

from ..days import FIRST_DAY, LAST_DAY
from ..models import Business, Membership, Run, RunItem, run_types
from ..states import Action, ErrorCode, ItemStatus, Status
from ..states import Request as Wish
from ..stored_text import translate_stored
from ..unstorable import find_unstorable
from ..verdict import Code, eta_seconds, is_stale, judge
from .requests import refuse

M = TypeVar("M", bound=Model)

LARGEST_ID = 2**63 - 1

# What readers are told


class VerdictSerializer(serializers.Serializer[Any]):
    code = serializers.ChoiceField(choices=Code.choices)
    label = serializers.CharField()  # type: ignore[assignment]  # the stubs mean a field's own label
    message = serializers.CharField(allow_blank=True)
    evidence = serializers.DictField()


class RunSerializer(serializers.Serializer[Run]):
    """A run that came from `tell()`: its ages are the database's."""

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
    requested = serializers.ChoiceField(choices=Wish.choices, allow_blank=True)
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
        return VerdictSerializer(judge(run)).data

    @extend_schema_field(serializers.ListField(child=serializers.ChoiceField(choices=Action.choices)))
    def get_actions(self, run: Run) -> list[str]:
        return [str(action) for action in run.actions()]

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_details(self, run: Run) -> dict[str, Any]:
        return {name: getattr(run, name) for name in run.public_fields}


class MembershipSerializer(serializers.ModelSerializer[Membership]):
    """One of the caller's businesses, and what the caller is there."""

    id = serializers.IntegerField(source="business.id")
    slug = serializers.CharField(source="business.slug")
    name = serializers.CharField(source="business.name")

    class Meta:
        model = Membership
        fields = ["id", "slug", "name", "role"]


class ItemSerializer(serializers.Serializer[RunItem]):
    """Besides these fields, an item shows its type's `public_fields`."""

    id = serializers.IntegerField()
    key = serializers.CharField()
    status = serializers.ChoiceField(choices=ItemStatus.choices)
    error_code = serializers.CharField(allow_blank=True)
    error_message = serializers.CharField(allow_blank=True)  # in the reader's language where it is ours
    attempts = serializers.IntegerField()

    def to_representation(self, item: RunItem) -> dict[str, Any]:
        own = {name: getattr(item, name) for name in item.public_fields}
        words = translate_stored(item.error_message)
        return {**super().to_representation(item), "error_message": words, **own}


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
    requested = serializers.ChoiceField(choices=Wish.choices, allow_blank=True)
    error_code = serializers.ChoiceField(choices=ErrorCode.choices, allow_blank=True)
    error_message = serializers.CharField(allow_blank=True)
    traceback = serializers.SerializerMethodField()

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        reader = getattr(self.context.get("request"), "user", None)
        if reader is not None and not reader.is_staff:
            del fields["traceback"]
        return fields

    @extend_schema_field(ActorSerializer(allow_null=True))
    def get_actor(self, event: Any) -> Any:
        actor = _context(event).get("actor")
        return ActorSerializer(actor).data if actor else None

    def get_reason(self, event: Any) -> str:
        return str(_context(event).get("reason", ""))

    def get_traceback(self, event: Any) -> str | None:
        return _context(event).get("traceback")


def _context(event: Any) -> dict[str, Any]:
    """Empty for a change that somebody made by hand, in SQL."""
    return event.pgh_context or {}


class ErrorDetailSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    detail = serializers.CharField()
    attr = serializers.CharField(allow_null=True, help_text=_("The field that is meant, where one is."))


class ErrorSerializer(serializers.Serializer[Any]):
    """The shape of every error."""

    type = serializers.CharField(help_text="validation_error, client_error or server_error")
    errors = ErrorDetailSerializer(many=True)  # type: ignore[assignment]  # the stubs mean Serializer.errors


class ConflictSerializer(ErrorSerializer):
    """A run stands in the way: this one."""

    run = RunSerializer()


# What requests say


@extend_schema_field({"oneOf": [{"type": "string", "minLength": 1, "maxLength": 200}, {"type": "integer"}]})
class BusinessField(serializers.Field[Business, Any, Any, Any]):
    """A business of the caller's, by id or slug. Any other is not found, existing or not."""

    default_error_messages = {"invalid": _("Give a business's id or slug.")}

    def to_internal_value(self, data: Any) -> Business:
        """Raises `Http404`, `ValidationError`."""
        if isinstance(data, bool) or not isinstance(data, int | str):
            self.fail("invalid")
        own = Business.objects.of(self.context["request"].user)
        name = serializers.CharField(max_length=200).run_validation(data)
        business = (_is_id(name) and own.filter(pk=int(name)).first()) or own.filter(slug=name).first()
        if business is None:
            raise Http404
        return business

    def to_representation(self, value: Business) -> int:
        return value.pk


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= LARGEST_ID


class FlagField(serializers.BooleanField):
    """True or false as JSON has them: a 0 or a "false" isn't taken for what it may have been meant as."""

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
    """A day to work from or up to: never so near the calendar's ends that the next one is out of it."""

    default_error_messages = {"out_of_range": _("Give a day from 1900 to 2999.")}

    def to_internal_value(self, value: Any) -> date:
        """Raises `ValidationError`."""
        day = super().to_internal_value(value)
        if not FIRST_DAY <= day <= LAST_DAY:
            self.fail("out_of_range")
        return day


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


class TokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField()
    expiry = serializers.DateTimeField(allow_null=True)


class ResetRequest(serializers.Serializer[Any]):
    """Without `types`, all of them. An empty list is refused: it could be meant as none."""

    types = serializers.ListField(child=RunTypeField(), required=False, allow_null=True, allow_empty=False)
    only_stale = FlagField(default=False)
    reason = serializers.CharField(default="", allow_blank=True, max_length=500)


class ResetAnswer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    message = serializers.CharField()
    reset_count = serializers.IntegerField()
    by_type = serializers.DictField(child=serializers.IntegerField())


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


def asked(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """What the query string says. Raises `ValidationError`, `Http404`."""
    # A plain dict: in a form's one, a missing boolean would mean false.
    query = serializer(data=request.query_params.dict(), context={"request": request})
    query.is_valid(raise_exception=True)
    return dict(query.validated_data)


def said(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
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
