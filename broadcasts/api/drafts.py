"""Broadcasts are previewed and started over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Final

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from runs.api import (
    ERRORS,
    IDEMPOTENCY_KEY,
    ErrorSerializer,
    RunSerializer,
    parse_body,
    parse_idempotency_key,
    run_json,
    user_of,
)
from runs.api.errors import Busy
from runs.api.requests import SmallJSONParser, declared_length
from runs.api.throttles import CallerThrottle

from ..audience import UnreadableAudience
from ..audience.classification import SKIP_REASONS
from ..standing import warnings_of
from ..starting import MAX_SKIPPED_SHOWN, Draft, preview, start_broadcast
from .requests import READERS, BroadcastForm, BroadcastRequest, DraftForm, DraftRequest

# A number that isn't valid takes the processor a tenth of a millisecond, so the largest file takes half a minute: a few
# of them would leave no thread of this process for anybody else.
LARGE_BYTES: Final = 32 * 1024  # of a body: a few thousand numbers
LARGE_DRAFTS: Final = threading.BoundedSemaphore(2)  # those at work at once, in each web process


class CountsSerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    valid = serializers.IntegerField()
    invalid = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    opted_out = serializers.IntegerField()
    incomplete = serializers.IntegerField(help_text="Without one of the message's variables.")
    too_long = serializers.IntegerField(help_text="Whose message would be over 4,096 characters.")


class SkippedSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField(help_text="In the file, or among the numbers.")
    phone = serializers.CharField(allow_blank=True, help_text="As it was written, where it is no number.")
    code = serializers.ChoiceField(list(SKIP_REASONS))
    reason = serializers.CharField(help_text="In the caller's language.")


class PreviewSerializer(serializers.Serializer[Any]):
    counts = CountsSerializer()
    skipped = SkippedSerializer(many=True, help_text=f"Who won't get it: the first {MAX_SKIPPED_SHOWN}.")
    to = serializers.CharField(allow_blank=True, help_text="The first number that would get the message.")
    text = serializers.CharField(help_text="The message as that one would read it.")
    warnings = serializers.ListField(
        child=serializers.CharField(), help_text="What to know of the account before sending to so many."
    )


class StartedSerializer(RunSerializer):
    warnings = serializers.ListField(child=serializers.CharField())


class DraftView(APIView):
    throttle_classes = (CallerThrottle,)
    throttle_scope = "preview"  # a start takes as long
    parser_classes = (SmallJSONParser, MultiPartParser)
    max_upload_bytes = staticmethod(lambda: settings.WHATSAPP_MAX_UPLOAD_BYTES)  # checked before the body is read
    shapes: ClassVar[dict[str, type[DraftRequest]]] = {
        "application/json": DraftRequest,
        "multipart/form-data": DraftForm,
    }

    def call_with_draft(self, request: Request, use: Callable[[Draft], Any]) -> Any:
        """The result of `use` for the draft.

        Raises `ValidationError` for an audience that can't be read, `Busy`.
        """
        with large_draft_permit(request):
            return self._call_with_draft(request, use)

    def _call_with_draft(self, request: Request, use: Callable[[Draft], Any]) -> Any:
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


@contextmanager
def large_draft_permit(request: Request) -> Iterator[None]:
    """Small drafts need none. Raises `Busy`, at once: a thread that waited would be as lost as one that works."""
    if declared_length(request.META.get("CONTENT_LENGTH")) <= LARGE_BYTES:
        yield
    elif LARGE_DRAFTS.acquire(blocking=False):
        try:
            yield
        finally:
            LARGE_DRAFTS.release()
    else:
        raise Busy


class Broadcasts(DraftView):
    shapes: ClassVar = {"application/json": BroadcastRequest, "multipart/form-data": BroadcastForm}

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request={"application/json": BroadcastRequest, "multipart/form-data": BroadcastForm},
        responses={202: StartedSerializer, 429: ErrorSerializer, **ERRORS},
    )
    def post(self, request: Request) -> Response:
        """Start a broadcast. `details.audience` counts who gets it and who doesn't, and why."""
        key = parse_idempotency_key(request)
        run = self.call_with_draft(request, lambda draft: start_broadcast(draft, user_of(request), key))
        started = run_json(run)
        warnings = warnings_of(run.account, started["details"]["audience"]["valid"], besides=run.pk)
        return Response({**started, "warnings": warnings}, status=status.HTTP_202_ACCEPTED)


class Preview(DraftView):
    @extend_schema(
        request={"application/json": DraftRequest, "multipart/form-data": DraftForm},
        responses={200: PreviewSerializer, 429: ErrorSerializer, **ERRORS},
    )
    def post(self, request: Request) -> Response:
        """What a broadcast would be, without starting it."""
        return Response(PreviewSerializer(self.call_with_draft(request, preview)).data)
