"""Calls and transcripts as JSON."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from ..models import Call, TranscriptState
from ..search.snippets import render_snippet
from ..transcription.speakers import Speaker, name_speakers


class CallSerializer(serializers.ModelSerializer[Call]):
    """`media` and `transcript` are where they can be fetched, or null.

    `transcript_note` says why there are no words, or not all of them; empty where there is nothing to add.
    """

    transcript_state = serializers.ChoiceField(choices=TranscriptState.choices, read_only=True)
    transcript_note = serializers.CharField(read_only=True)
    media = serializers.SerializerMethodField()
    transcript = serializers.SerializerMethodField()

    class Meta:
        model = Call
        fields = [
            "id",
            "business_id",
            "source_id",
            "call_id",
            "direction",
            "number",
            "started_at",
            "duration",
            "size",
            "sha256",
            "content_type",
            "channels",
            "language",
            "transcribed_at",
            "transcript_state",
            "transcript_note",
            "media",
            "transcript",
        ]

    @extend_schema_field({"type": "string", "format": "uri", "nullable": True})
    def get_media(self, call: Call) -> str | None:
        return self.build_url("api:recording-media", call) if call.file else None

    @extend_schema_field({"type": "string", "format": "uri", "nullable": True})
    def get_transcript(self, call: Call) -> str | None:
        return self.build_url("api:recording-transcript", call) if call.transcribed_at else None

    def build_url(self, name: str, call: Call) -> str:
        return reverse(name, args=[call.pk], request=self.context.get("request"))


class FoundCallSerializer(CallSerializer):
    """`snippet` is HTML: where the transcript says what was searched for, in `<mark>`. Null without a search."""

    snippet = serializers.SerializerMethodField()

    class Meta(CallSerializer.Meta):
        fields = [*CallSerializer.Meta.fields, "snippet"]

    def get_snippet(self, call: Call) -> str | None:
        snippet = getattr(call, "snippet", None)
        return None if snippet is None else str(render_snippet(snippet))


class SegmentSerializer(serializers.Serializer[Any]):
    """Seconds from the beginning of the call; of a call in one channel nobody knows who speaks."""

    start = serializers.FloatField()
    end = serializers.FloatField()
    text = serializers.CharField(allow_blank=True)
    speaker = serializers.ChoiceField(choices=Speaker.choices, allow_blank=True, default="")


class TranscriptSerializer(serializers.ModelSerializer[Call]):
    """`text` has a line for each segment, with who says it where that is known."""

    transcript_state = serializers.ChoiceField(choices=TranscriptState.choices, read_only=True)
    transcript_note = serializers.CharField(read_only=True)
    text = serializers.SerializerMethodField()
    segments = SegmentSerializer(many=True)

    class Meta:
        model = Call
        fields = ["id", "language", "transcribed_at", "transcript_state", "transcript_note", "text", "segments"]

    def get_text(self, call: Call) -> str:
        return name_speakers(call.transcript)
