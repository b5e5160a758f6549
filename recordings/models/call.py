"""One call, its sound and its transcript."""

from __future__ import annotations

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

from ..audio.formats import ENDINGS, PLAYABLE
from ..problems import problem_words
from ..sources import Direction
from ..transcription.speakers import Segments, merge_by_time, transcript_of
from .call_queryset import CallQuerySet
from .recording_run import RecordingRun
from .source import Source

# What a call weighs in a bar: transcribing takes most of the time, fetching a little.
FETCHING = 0.05  # of the whole
LIKELY_SECONDS = 60.0  # of a call whose length isn't known yet


class TranscriptState(models.TextChoices):
    """What has become of a call's words."""

    NONE = "none", _("Not transcribed yet")
    DONE = "done", _("Transcribed")
    NO_SPEECH = "no_speech", _("No speech")
    PARTIAL = "partial", _("Partial audio")
    FAILED = "failed", _("Failed")


class Call(models.Model):
    """A recorded call of a business: known once listed, then fetched, then transcribed."""

    business = models.ForeignKey(Business, verbose_name=_("business"), on_delete=models.CASCADE, related_name="calls")
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="calls")
    call_id = models.CharField(_("call ID"), max_length=200)
    location = models.CharField(max_length=1000)  # where its source has the recording
    direction = models.CharField(_("direction"), max_length=16, choices=Direction, blank=True, default="")
    number = models.CharField(_("number"), max_length=64, blank=True, default="")
    started_at = models.DateTimeField(_("started"), null=True)
    duration = models.FloatField(_("seconds"), null=True)

    file = models.FileField(_("file"), blank=True, max_length=255)
    size = models.PositiveBigIntegerField(_("bytes"), null=True)
    # As last listed, where the source says it: more than `size` once the recording has grown.
    size_at_source = models.PositiveBigIntegerField(null=True)
    sha256 = models.CharField(_("checksum"), max_length=64, blank=True, default="")
    content_type = models.CharField(max_length=100, blank=True, default="")

    # Sides of the call that are heard apart: 2 in stereo, unless both channels carry the same. Null: not looked at yet.
    channels = models.PositiveSmallIntegerField(_("channels"), null=True)
    # Something within it could not be decoded.
    is_partial = models.BooleanField(_("partial"), default=False, db_default=False)

    language = models.CharField(_("language"), max_length=8, blank=True, default="")
    # [{"start": seconds, "end": seconds, "text": …, "speaker": …}], of each channel in turn until all are transcribed.
    segments = models.JSONField(default=list, blank=True)
    # Where an interrupted transcription goes on: channels that are done, and seconds of the next one.
    transcribed_channels = models.PositiveSmallIntegerField(default=0, db_default=0)
    transcribed_to = models.FloatField(default=0.0)
    transcript = models.TextField(_("transcript"), blank=True, default="")
    transcribed_at = models.DateTimeField(_("transcribed"), null=True)
    # Written once a call: `store_part` leaves `transcript` empty, so that nothing is found that can't be read yet.
    search: models.GeneratedField = models.GeneratedField(
        expression=Func("language", "transcript", function="recordings_words"),
        output_field=SearchVectorField(),
        db_persist=True,
    )
    # Numbers are looked for by their end: what they begin with differs by who wrote them.
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

    # Of `with_state()`.
    is_wordless: bool
    last_outcome: dict[str, str] | None

    class Meta:
        verbose_name = _("call")
        verbose_name_plural = _("calls")
        constraints = [
            # Listing again, or resuming, adds nothing.
            models.UniqueConstraint(fields=["business", "source", "call_id"], name="call_once")
        ]
        indexes = [
            # The list of a business, newest first.
            models.Index(fields=["business", "-started_at", "-id"], name="call_newest"),
            # Words in transcripts; at once, as a list of what is still to be sorted in would be read by every search.
            GinIndex(fields=["search"], name="call_search", fastupdate=False),
            # Numbers by their end.
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
        return self.content_type in PLAYABLE

    def filename(self) -> str:
        """To save it under: when, which way and with whom, and what it is."""
        moment = self.started_at.strftime("%Y-%m-%d-%H%M%S") if self.started_at else ""
        number = "".join(c for c in self.number if c.isalnum() or c == "+")
        words = [moment, self.direction, number] if moment else [self.call_id]
        return f"{'-'.join(filter(None, words))}.{ENDINGS.get(self.content_type, 'bin')}"

    @property
    def is_fetched(self) -> bool:
        """Is the recording here, and as long as its source had it when last listed?"""
        return bool(self.file) and (self.size or 0) >= (self.size_at_source or 0)

    @property
    def transcript_state(self) -> TranscriptState:
        """The one place that decides it. Lists should come `with_state()`."""
        if self.transcribed_at:
            if self.is_partial:
                return TranscriptState.PARTIAL
            return TranscriptState.NO_SPEECH if self.has_no_words else TranscriptState.DONE
        if self._last_outcome().get("status") != ItemStatus.FAILED:
            return TranscriptState.NONE
        is_cut_short = self._last_outcome()["code"] == "truncated"
        return TranscriptState.PARTIAL if is_cut_short else TranscriptState.FAILED

    @property
    def has_problem(self) -> bool:
        return self.transcript_state in (TranscriptState.PARTIAL, TranscriptState.FAILED)

    @property
    def transcript_note(self) -> str:
        """Why there are no words, or not all; empty where there is nothing to add."""
        match self.transcript_state:
            case TranscriptState.DONE:
                return ""
            case TranscriptState.NONE:
                return str(_("Not transcribed yet."))
            case TranscriptState.NO_SPEECH:
                return str(_("Nothing is said in this recording."))
        if self.transcribed_at:
            return str(_("Parts of the recording could not be read: words may be missing."))
        return problem_words(self._last_outcome()["code"], self._last_outcome()["message"])

    @property
    def has_no_words(self) -> bool:
        return self.is_wordless if hasattr(self, "is_wordless") else not self.transcript

    def _last_outcome(self) -> dict[str, str]:
        """Of the newest item that took up the call: its status, code and message."""
        if not hasattr(self, "last_outcome"):
            self.last_outcome = Call.objects.with_state().only("pk").get(pk=self.pk).last_outcome
        return self.last_outcome or {}

    def work_left(self, job_type: str) -> float:
        """In seconds of audio, weighted: what a run of this type still has to do for the call."""
        share = 0.0 if self.is_fetched else FETCHING
        if job_type == RecordingRun.JobType.FULL and not (self.is_fetched and self.transcribed_at):
            share += 1 - FETCHING
        return share * (self.duration or LIKELY_SECONDS)

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
        """Take this file for the call's. What was put into words of an earlier, shorter one no longer counts."""
        shorter = str(self.file.name or "")
        self._update_columns(
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
        # Before the commit: a crash after it would leave a file that nobody knows of.
        if shorter and shorter != name:
            self.file.storage.delete(shorter)

    def store_channels(self, channels: int) -> None:
        self._update_columns(channels=channels)

    def store_part(self, segments: Segments, transcribed_to: float, language: str, *, channels_done: int = 0) -> None:
        """What has been transcribed so far, for an attempt that goes on from there."""
        self._update_columns(
            segments=segments,
            transcribed_channels=channels_done,
            transcribed_to=transcribed_to,
            language=language,
        )

    def store_transcript(self, segments: Segments, language: str) -> None:
        merged = merge_by_time(segments)
        self._update_columns(
            segments=merged,
            transcript=transcript_of(merged)[: settings.RECORDINGS_MAX_TRANSCRIPT],
            transcribed_to=self.duration or 0.0,
            language=language,
            transcribed_at=Now(),
        )
        self.refresh_from_db(fields=["transcribed_at"])

    def _update_columns(self, **columns: Any) -> None:
        Call.objects.filter(pk=self.pk).update(**columns)
        for name, value in columns.items():
            setattr(self, name, value)
