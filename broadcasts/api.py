"""Broadcasts and Meta's webhook over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from pywa.types.templates import TemplateLanguage
from pywa.utils import HUB_CH, HUB_SIG, HUB_VT
from rest_framework import serializers, status
from rest_framework.exceptions import PermissionDenied
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runs.api.errors import StateForbids
from runs.api.fields import BusinessField, FlagField
from runs.api.inputs import chosen, idempotency_key, parse_body
from runs.api.outputs import ConflictSerializer, ErrorSerializer, RunSerializer
from runs.api.permissions import own_runs
from runs.api.requests import MAX_NESTING, SmallJSONParser, refuse
from runs.api.throttles import ByCaller
from runs.api.views import ERRORS, IDEMPOTENCY_KEY, caller, get_run_or_404, run_json, run_response
from runs.exceptions import WrongState
from runs.lifecycle import retry_items
from runs.models import Business, Run
from runs.unstorable import find_unstorable, is_nested_deeper

from . import account_api, opt_out_api, webhook
from .audience import MAX_COLUMNS, Audience, UnreadableAudience, read_csv, read_listed, read_pasted
from .messages import MAX_TEXT
from .models import ProviderAccount, Retryable, WhatsAppBroadcast
from .standing import warnings_of
from .starting import Draft, preview, start_broadcast

# Without pywa's own members `None` and `UNKNOWN`.
LANGUAGES = sorted(language.value for language in TemplateLanguage if re.fullmatch("[a-z]+(_[A-Z]+)?", language.value))

READERS: dict[str, Callable[[Any], Audience]] = {"file": read_csv, "numbers": read_pasted, "recipients": read_listed}

# What requests say


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
        if not isinstance(data, list) or not all(_is_recipient(each) for each in data):
            self.fail("invalid")
        return list(data)


def _is_recipient(parse_body: Any) -> bool:
    if isinstance(parse_body, dict):
        plain = all(isinstance(value, str | int | float | None) for value in parse_body.values())
        return "phone" in parse_body and len(parse_body) <= MAX_COLUMNS and plain
    return isinstance(parse_body, str | int) and not isinstance(parse_body, bool)


@extend_schema_field({"type": "string", "pattern": "^[a-z0-9_]*$", "maxLength": 512, "default": ""})
class TemplateField(serializers.RegexField):
    """A template's name, or nothing."""


@extend_schema_field(OpenApiTypes.BINARY)
class UploadField(serializers.FileField): ...


class DraftRequest(serializers.Serializer[Any]):
    """The audience is one of `numbers` and `recipients`; in a multipart body, of `numbers` and `file` (CSV).

    `text` may hold `{{variables}}`. With a `template` it is the template's own text.
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
            raise serializers.ValidationError({"language": _("A template is sent in a language.")}, "required")
        given = [name for name in READERS if attrs.get(name)]
        if len(given) != 1:
            words = _("Give one audience: a file, numbers or recipients.")
            raise serializers.ValidationError({given[-1] if given else "numbers": words}, "required")
        return {**attrs, "account": _account(attrs["business"], attrs.get("account")), "audience": given[0]}


class DraftForm(DraftRequest):
    account = serializers.IntegerField(required=False)
    file = UploadField(required=False, allow_empty_file=True)
    recipients = None  # type: ignore[assignment]  # a form has no lists of objects


class BroadcastRequest(DraftRequest):
    name = serializers.CharField(max_length=200)


class BroadcastForm(DraftForm):
    name = serializers.CharField(max_length=200)


def _account(business: Business, pk: int | None) -> ProviderAccount:
    """Raises `ValidationError`."""
    return chosen(
        ProviderAccount.objects.filter(business=business),
        pk,
        "account",
        no_such=_("There is no such account."),
        which=_("Say which account."),
        none=_("The business has no WhatsApp account yet."),
    )


@extend_schema_field({"type": "boolean", "enum": [True]})
class ConfirmationField(FlagField): ...


class RetryUnknownRequest(serializers.Serializer[Any]):
    """Whoever is unknown may have received the message: say that you know it."""

    confirm = ConfirmationField()

    def validate_confirm(self, value: bool) -> bool:
        if not value:
            raise serializers.ValidationError(_("Confirm that some of them may receive the message twice."))
        return value


# What is answered


class CountsSerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    valid = serializers.IntegerField()
    invalid = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    opted_out = serializers.IntegerField()
    incomplete = serializers.IntegerField(help_text="Without one of the message's variables.")
    too_long = serializers.IntegerField(help_text="Whose message would be over 4,096 characters.")


class PreviewSerializer(serializers.Serializer[Any]):
    counts = CountsSerializer()
    to = serializers.CharField(allow_blank=True, help_text="The first number that would get the message.")
    text = serializers.CharField(help_text="The message as that one would read it.")
    warnings = serializers.ListField(
        child=serializers.CharField(), help_text="What to know of the account before sending to so many."
    )


class StartedSerializer(RunSerializer):
    warnings = serializers.ListField(child=serializers.CharField())


class RetryableSerializer(serializers.Serializer[Retryable]):
    """Of the recipients whose message failed."""

    now = serializers.IntegerField()
    later = serializers.IntegerField()
    next_at = serializers.DateTimeField(allow_null=True, help_text="When the first of the later ones may be.")
    never = serializers.IntegerField(help_text="By a retry, or tried again already.")


class DraftView(APIView):
    parser_classes = (SmallJSONParser, MultiPartParser)
    max_upload_bytes = staticmethod(lambda: settings.WHATSAPP_MAX_UPLOAD_BYTES)  # looked at before the body is read
    shapes: ClassVar[dict[str, type[DraftRequest]]] = {
        "application/json": DraftRequest,
        "multipart/form-data": DraftForm,
    }

    def draft_or_refusal(self, request: Request, use: Callable[[Draft], Any]) -> Any:
        """What `use` makes of the draft. Raises `ValidationError` for an audience that can't be read."""
        shape = self.shapes.get(request._request.content_type or "", self.shapes["application/json"])
        body = parse_body(shape, request)
        source = body["audience"]
        try:
            draft = Draft(
                account=body["account"],
                name=body.get("name", ""),
                text=body["text"],
                audience=READERS[source](body[source]),
                template=body["template"],
                language=body["language"] if body["template"] else "",
            )
            return use(draft)
        except UnreadableAudience as error:
            raise serializers.ValidationError({source: str(error)}, "unreadable") from error


class Broadcasts(DraftView):
    shapes: ClassVar = {"application/json": BroadcastRequest, "multipart/form-data": BroadcastForm}

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request={"application/json": BroadcastRequest, "multipart/form-data": BroadcastForm},
        responses={202: StartedSerializer, **ERRORS},
    )
    def post(self, request: Request) -> Response:
        """Start a broadcast. `details.audience` counts who gets it and who doesn't, and why."""
        key = idempotency_key(request)
        run = self.draft_or_refusal(request, lambda draft: start_broadcast(draft, caller(request), key))
        told = run_json(run)
        warnings = warnings_of(run.account, told["details"]["audience"]["valid"], besides=run.pk)
        return Response({**told, "warnings": warnings}, status=status.HTTP_202_ACCEPTED)


class Preview(DraftView):
    throttle_classes = (ByCaller,)
    throttle_scope = "preview"

    @extend_schema(
        request={"application/json": DraftRequest, "multipart/form-data": DraftForm},
        responses={200: PreviewSerializer, 429: ErrorSerializer, **ERRORS},
    )
    def post(self, request: Request) -> Response:
        """What a broadcast would be, without starting it."""
        return Response(PreviewSerializer(self.draft_or_refusal(request, preview)).data)


class BroadcastView(APIView):
    def find(self, id: int) -> Run:  # noqa: A002  named as in the URL
        """Raises `Http404`."""
        return get_run_or_404(own_runs(WhatsAppBroadcast, self.request.user).filter(pk=id))


class BroadcastStatus(BroadcastView):
    @extend_schema(responses={200: RunSerializer, **ERRORS})
    def get(self, request: Request, id: int) -> Response:  # noqa: A002
        """One broadcast."""
        return Response(RunSerializer(self.find(id)).data)


class RetryableRecipients(BroadcastView):
    @extend_schema(responses={200: RetryableSerializer, **ERRORS})
    def get(self, request: Request, id: int) -> Response:  # noqa: A002
        """How many of the failed recipients a retry would reach now, and when it would reach others."""
        run = self.find(id)
        assert isinstance(run, WhatsAppBroadcast)  # noqa: S101  for the type checker
        return Response(RetryableSerializer(run.retryable()).data)


class RetryUnknown(BroadcastView):
    @extend_schema(request=RetryUnknownRequest, responses={202: RunSerializer, 409: ConflictSerializer, **ERRORS})
    def post(self, request: Request, id: int) -> Response:  # noqa: A002
        """Start a new broadcast to those of whom nobody knows whether they have received this one."""
        run = self.find(id)
        parse_body(RetryUnknownRequest, request)
        assert isinstance(run, WhatsAppBroadcast)  # noqa: S101  for the type checker
        try:
            again = retry_items(run, run.unknown_items, caller(request))
        except WrongState as error:
            raise StateForbids(run_json(run)) from error
        return run_response(again, status.HTTP_202_ACCEPTED)


# Meta's side

_VERIFICATION = [OpenApiParameter(name, str) for name in ("hub.mode", HUB_VT, HUB_CH)]


class Webhook(APIView):
    """Whoever signs with an account's app secret may speak of that account."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(parameters=_VERIFICATION, responses={(200, "text/plain"): str, 403: ERRORS[403]})
    def get(self, request: Request) -> HttpResponse:
        """Meta asks whether the address is ours."""
        query: Mapping[str, str] = request.query_params
        if query.get("hub.mode") != "subscribe" or not webhook.knows_verify_token(query.get(HUB_VT, "")):
            raise PermissionDenied
        return HttpResponse(query.get(HUB_CH, ""), content_type="text/plain")

    @extend_schema(
        parameters=[OpenApiParameter(HUB_SIG, str, OpenApiParameter.HEADER)],
        request=OpenApiTypes.OBJECT,
        responses={200: OpenApiResponse(description="Noted"), 400: ERRORS[400], 403: ERRORS[403]},
    )
    def post(self, request: Request) -> Response:
        """Statuses of messages, and messages from people. Whatever isn't ours is answered 200 too.

        What Meta has signed is never refused for its characters, it would come again for days: they are cleaned.
        """
        body = request._request.body
        payload = _json(body)
        signers = webhook.signers(payload, body, request.headers.get(HUB_SIG, ""))
        if not signers:
            refuse(find_unstorable(payload))
            raise PermissionDenied
        webhook.take(payload, signers)
        return Response()


def _json(body: bytes) -> Any:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return None if is_nested_deeper(payload, MAX_NESTING) else payload


urlpatterns = [
    *opt_out_api.urlpatterns,
    *account_api.urlpatterns,
    path("broadcasts/", Broadcasts.as_view(), name="broadcasts"),
    path("broadcasts/preview/", Preview.as_view(), name="broadcast-preview"),
    path("broadcasts/<int:id>/status/", BroadcastStatus.as_view(), name="broadcast-status"),
    path("broadcasts/<int:id>/retryable/", RetryableRecipients.as_view(), name="broadcast-retryable"),
    path("broadcasts/<int:id>/retry-unknown/", RetryUnknown.as_view(), name="broadcast-retry-unknown"),
    path("webhook/", Webhook.as_view(), name="whatsapp-webhook"),
]
