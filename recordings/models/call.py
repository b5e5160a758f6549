"""A call with its recording and its transcript."""

from __future__ import annotations

from math import ceil
from typing import Any

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Func, Value
from django.db.models.functions import Now, Reverse
from django.utils.translation import gettext_lazy as _

from runs.models import Business
from runs.states import ItemStatus

from ..audio.formats import ENDINGS_BY_TYPE, PLAYABLE_TYPES
from ..problems import problem_message
from ..sources import Direction
from ..transcription.speakers import Segments, format_transcript, merge_by_time
from .call_queryset import CallQuerySet
from .recording_run import RecordingRun
from .source import Source

# A call's weight in the progress bar: transcribing takes most of the time.
FETCH_SHARE = 0.05  # of the whole work
MODEL_SECONDS = 30.0  # Whisper works through stretches of this length; a shorter one is padded, and takes as long
TYPICAL_SECONDS = 60.0  # the duration of a call whose own isn't known yet


class TranscriptState(models.TextChoices):
    """Whether a call has a transcript, and why not."""

    NONE = "none", _("Not transcribed yet")
    DONE = "done", _("Transcribed")
    NO_SPEECH = "no_speech", _("No speech")
    PARTIAL = "partial", _("Partial audio")
    FAILED = "failed", _("Failed")


class Call(models.Model):
    """A recorded call of a business: created when it is listed, then fetched, then transcribed."""

    business = models.ForeignKey(Business, verbose_name=_("business"), on_delete=models.CASCADE, related_name="calls")
    source = models.ForeignKey(Source, verbose_name=_("source"), on_delete=models.CASCADE, related_name="calls")
    call_id = models.CharField(_("call ID"), max_length=200)
    location = models.CharField(max_length=1000)  # of the recording in its source
    direction = models.CharField(_("direction"), max_length=16, choices=Direction, blank=True, default="")
    number = models.CharField(_("number"), max_length=64, blank=True, default="")
    started_at = models.DateTimeField(_("started"), null=True)
    duration = models.FloatField(_("seconds"), null=True)

    file = models.FileField(_("file"), blank=True, max_length=255)
    size = models.PositiveBigIntegerField(_("bytes"), null=True)
    # As last listed, null if the source doesn't tell it: more than `size` once the recording has grown.
    size_at_source = models.PositiveBigIntegerField(null=True)
    sha256 = models.CharField(_("checksum"), max_length=64, blank=True, default="")
    content_type = models.CharField(_("media type"), max_length=100, blank=True, default="")

    # Channels that are transcribed separately: 2 in stereo, unless both have the same sound. Null: not checked yet.
    channels = models.PositiveSmallIntegerField(_("channels"), null=True)
    # Some of the recording could not be decoded.
    is_partial = models.BooleanField(_("partial"), default=False, db_default=False)

    language = models.CharField(_("language"), max_length=8, blank=True, default="")
    # [{"start": seconds, "end": seconds, "text": …, "speaker": …}], channel by channel until all are transcribed.
    segments = models.JSONField(default=list, blank=True)
    # Where an interrupted transcription continues: channels that are done, and seconds of the next one.
    transcribed_channels = models.PositiveSmallIntegerField(default=0, db_default=0)
    transcribed_to = models.FloatField(default=0.0)
    transcript = models.TextField(_("transcript"), blank=True, default="")
    transcribed_at = models.DateTimeField(_("transcribed"), null=True)
    # Generated once a call: `store_part` leaves `transcript` empty, so that a search doesn't find unfinished ones.
    search: models.GeneratedField = models.GeneratedField(
        expression=Func("language", "transcript", function="recordings_words"),
        output_field=SearchVectorField(),
        db_persist=True,
    )
    # A search compares the ends of numbers: their beginnings differ by how they are written.
    digits_backwards: models.GeneratedField = models.GeneratedField(
        expression=Reverse(
            Func(
                F("number"),
                Value("[^0-9]"),
                Value(""),
                Value("g"),
                function="regexp_replace",
                output_field=models.CharField(),
            )
        ),
        output_field=models.CharField(max_length=64),
        db_persist=True,
    )

    objects = CallQuerySet.as_manager()

    # Annotated by `with_state()`.
    is_wordless: bool
    last_outcome: dict[str, str] | None

    class Meta:
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        constraints = [
            # Listing again must add nothing.
            models.UniqueConstraint(fields=["business", "source", "call_id"], name="call_once")
        ]
        indexes = [
            # A business's list, newest first.
            models.Index(fields=["business", "-started_at", "-id"], name="call_newest"),
            # Words in transcripts. Without `fastupdate`, whose list of pending entries every search would read.
            GinIndex(fields=["search"], name="call_search", fastupdate=False),
            # Numbers by their last digits.
            models.Index(
                fields=["business", "digits_backwards"],
                name="call_number",
                opclasses=["int8_ops", "varchar_pattern_ops"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number or self.call_id}"

    @property
    def is_playable(self) -> bool:
        return self.content_type in PLAYABLE_TYPES

    def download_name(self) -> str:
        """The file name that browsers save the recording under: time, direction, number, format."""
        moment = self.started_at.astimezone(self.business.zone).strftime("%Y-%m-%d-%H%M%S") if self.started_at else ""
        number = "".join(c for c in self.number if c.isalnum() or c == "+")
        words = [moment, self.direction, number] if moment else [self.call_id]
        return f"{'-'.join(filter(None, words))}.{ENDINGS_BY_TYPE.get(self.content_type, 'bin')}"

    @property
    def is_fetched(self) -> bool:
        """Is the recording stored, with the size that its source listed last?"""
        return bool(self.file) and (self.size or 0) >= (self.size_at_source or 0)

    @property
    def transcript_state(self) -> TranscriptState:
        """Only this property decides it. Load lists `with_state()`, to save a query for each call."""
        if self.transcribed_at:
            if self.is_partial:
                return TranscriptState.PARTIAL
            return TranscriptState.NO_SPEECH if self.has_no_words else TranscriptState.DONE
        outcome = self.fetch_last_outcome()
        if outcome.get("status") != ItemStatus.FAILED:
            return TranscriptState.NONE
        return TranscriptState.PARTIAL if outcome["code"] == "truncated" else TranscriptState.FAILED

    @property
    def has_problem(self) -> bool:
        return self.transcript_state in (TranscriptState.PARTIAL, TranscriptState.FAILED)

    @property
    def transcript_note(self) -> str:
        """Why there are no words, or not all; empty if there is nothing to explain."""
        match self.transcript_state:
            case TranscriptState.DONE:
                return ""
            case TranscriptState.NONE:
                return str(_("Not transcribed yet."))
            case TranscriptState.NO_SPEECH:
                return str(_("There is no speech in this recording."))
        if self.transcribed_at:
            return str(_("Parts of the recording could not be read: words may be missing."))
        outcome = self.fetch_last_outcome()
        return problem_message(outcome["code"], outcome["message"])

    @property
    def has_no_words(self) -> bool:
        return self.is_wordless if hasattr(self, "is_wordless") else not self.transcript

    def fetch_last_outcome(self) -> dict[str, str]:
        """Status, code and message of the newest item that is done or failed."""
        if not hasattr(self, "last_outcome"):
            self.last_outcome = Call.objects.with_state().only("pk").get(pk=self.pk).last_outcome
        return self.last_outcome or {}

    def estimate_remaining_work(self, job_type: str) -> float:
        """What a run of this type still has to do for the call, in weighted seconds of audio."""
        is_whole = self.is_fetched and self.transcribed_at is not None
        return self.weigh_work(
            fetches=not self.is_fetched, transcribes=job_type == RecordingRun.JobType.FULL and not is_whole
        )

    def weigh_work(self, *, fetches: bool, transcribes: bool) -> float:
        seconds = self.duration or TYPICAL_SECONDS
        model_seconds = ceil(seconds / MODEL_SECONDS) * MODEL_SECONDS
        return fetches * FETCH_SHARE * seconds + transcribes * (1 - FETCH_SHARE) * model_seconds

    def store_file(
        self,
        *,
        name: str,
        size: int,
        sha256: str,
        content_type: str,
        duration: float,
        channels: int,
        is_partial: bool,
    ) -> None:
        """Use this file. The transcript of an earlier, shorter one is dropped."""
        previous = str(self.file.name or "")
        self.update_columns(
            file=name,
            size=size,
            size_at_source=size if self.size_at_source is not None else None,
            sha256=sha256,
            content_type=content_type,
            duration=duration,
            channels=channels,
            is_partial=is_partial,
            segments=[],
            transcribed_channels=0,
            transcribed_to=0.0,
            transcript="",
            transcribed_at=None,
        )
        # Before the commit: a crash between the two would leave a file that no row refers to.
        if previous and previous != name:
            self.file.storage.delete(previous)

    def store_channels(self, channels: int) -> None:
        self.update_columns(channels=channels)

    def store_part(self, segments: Segments, transcribed_to: float, language: str, *, channels_done: int = 0) -> None:
        """Store an unfinished transcript, for an attempt that continues it."""
        self.update_columns(
            segments=segments,
            transcribed_channels=channels_done,
            transcribed_to=transcribed_to,
            language=language,
        )

    def store_transcript(self, segments: Segments, language: str) -> None:
        merged = merge_by_time(segments)
        self.update_columns(
            segments=merged,
            transcript=format_transcript(merged)[: settings.RECORDINGS_MAX_TRANSCRIPT],
            transcribed_to=self.duration or 0.0,
            language=language,
            transcribed_at=Now(),
        )
        self.refresh_from_db(fields=["transcribed_at"])

    def update_columns(self, **columns: Any) -> None:
        """Write only these columns, to the row and to this instance."""
        Call.objects.filter(pk=self.pk).update(**columns)
        for name, value in columns.items():
            setattr(self, name, value)
