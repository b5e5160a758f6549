"""Where recordings come from, the calls that were recorded, and the runs that fetch and transcribe them.

A call belongs to its business and is fetched and transcribed once; a `Recording` says what became of
it in one run.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchHeadline, SearchVectorField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Exists, F, Func, OuterRef, Q, Subquery, Value
from django.db.models.functions import JSONObject, Left, Now, Reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from encrypted_fields.fields import EncryptedTextField

from runs.models import Business, Run, RunItem
from runs.states import ItemStatus

from .audio_types import ENDINGS, PLAYABLE
from .channels import AgentChannel, Segments, merge_by_time, speakers, transcript_of
from .problems import problem_words
from .search import MARKS, WHOLE_NUMBER, Search, digits_of
from .sources import Account, Direction, FolderAccount, TwilioAccount
from .warnings import LeftOuts, warnings_of

SNIPPET = 220  # characters
SNIPPET_READS = 100_000  # of a transcript: going through hours of speech for each row takes too long
# What a call weighs in a bar: transcribing takes most of the time, fetching a little.
FETCHING = 0.05  # of the whole
LIKELY_SECONDS = 60.0  # of a call whose length isn't known yet


class Source(models.Model):
    class Kind(models.TextChoices):
        FOLDER = "folder", _("Folder (Asterisk, FreePBX)")
        TWILIO = "twilio", _("Twilio")

    business = models.ForeignKey(
        Business, verbose_name=_("business"), on_delete=models.CASCADE, related_name="recording_sources"
    )
    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind, default=Kind.TWILIO)
    folder = models.CharField(_("folder"), max_length=500, blank=True, default="")
    account_sid = models.CharField(_("account SID"), max_length=64, blank=True, default="")
    secret = EncryptedTextField(_("auth token"), blank=True, null=True)  # the field keeps nothing as null
    language = models.CharField(
        _("language"),
        max_length=8,
        blank=True,
        default="",
        help_text=_("Of the calls, like “he” or “en”. Leave empty to have it detected call by call."),
    )
    agent_channel = models.CharField(
        _("the agent's channel"),
        max_length=8,
        choices=AgentChannel,
        blank=True,
        default="",
        db_default="",
        help_text=_(
            "Of stereo recordings. Leave empty for the usual one: an exchange has whoever dialled on the left, Twilio"
            " the agent on the right. It counts for calls that are transcribed from now on."
        ),
    )

    class Meta:
        verbose_name = _("recording source")
        verbose_name_plural = _("recording sources")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        needed = ["folder"] if self.kind == self.Kind.FOLDER else ["account_sid"]
        if missing := [name for name in needed if not getattr(self, name)]:
            raise ValidationError(dict.fromkeys(missing, _("This kind of source needs it.")))

    def account(self) -> Account:
        if self.kind == self.Kind.FOLDER:
            return FolderAccount(self.folder)
        return TwilioAccount(self.account_sid, self.secret or "")

    def speakers(self, channels: int, direction: str) -> tuple[str, ...]:
        """Who is on each channel of a call's recording."""
        return speakers(
            channels,
            agent_channel=self.agent_channel,
            initiator_is_left=self.kind == self.Kind.FOLDER,
            direction=direction,
        )


class RecordingRun(Run):
    slug, queue, exclusive = "recording", "recordings", True
    public_fields = (
        "source_id",
        "job_type",
        "from_date",
        "to_date",
        "direction",
        "current",
        "current_pct",
        "warnings",
    )

    class JobType(models.TextChoices):
        DOWNLOAD = "download", _("Download")
        FULL = "full", _("Download and transcribe")

    source = models.ForeignKey(Source, verbose_name=_("source"), on_delete=models.CASCADE)
    job_type = models.CharField(_("job"), max_length=16, choices=JobType, default=JobType.FULL)
    from_date = models.DateField(_("from"), null=True)
    to_date = models.DateField(_("to"), null=True)
    direction = models.CharField(_("direction"), max_length=16, choices=Direction, blank=True, default="")
    selected = models.BooleanField(default=False)  # made with its items: the source isn't listed
    # The call being worked on, and how much of it is done.
    current = models.CharField(max_length=200, blank=True, default="")
    current_pct = models.FloatField(null=True)
    # What the listing passed over, and why; see warnings.py.
    left_out = models.JSONField(default=dict, blank=True, db_default=Value({}, models.JSONField()))

    class Meta(Run.Meta):
        verbose_name = _("call recordings")
        verbose_name_plural = _("call recordings")

    @property
    def warnings(self) -> list[str]:
        """What people should know of how the source was listed, in the reader's language."""
        return warnings_of(self.left_out)

    def store_left_out(self, left_out: LeftOuts) -> None:
        self.left_out = left_out
        RecordingRun.objects.filter(pk=self.pk).update(left_out=left_out, version=models.F("version") + 1)

    def retry_fields(self) -> dict[str, Any]:
        kept = ("source", "job_type", "from_date", "to_date", "direction")
        return {"selected": True, **{name: getattr(self, name) for name in kept}}


class TranscriptState(models.TextChoices):
    """What has become of a call's words."""

    NONE = "none", _("Not transcribed yet")
    DONE = "done", _("Transcribed")
    NO_SPEECH = "no_speech", _("No speech")
    PARTIAL = "partial", _("Partial audio")
    FAILED = "failed", _("Failed")


class CallQuerySet(models.QuerySet["Call"]):
    def fetched(self) -> Self:
        return self.exclude(file="")

    def shown(self) -> Self:
        """What people see: the calls whose recordings are here, and those that can't be had, with the reason."""
        failed = Recording.objects.filter(call=OuterRef("pk"), status=ItemStatus.FAILED)
        return self.filter(~Q(file="") | Exists(failed)).with_state()

    def with_state(self) -> Self:
        """All that `transcript_state` looks at, without the transcripts themselves."""
        outcomes = Recording.objects.filter(call=OuterRef("pk"), status__in=(ItemStatus.DONE, ItemStatus.FAILED))
        last = outcomes.order_by("-pk").values(
            outcome=JSONObject(status="status", code="error_code", message="error_message")
        )[:1]
        return self.annotate(is_wordless=Q(transcript=""), last_outcome=Subquery(last))

    def dated(self, from_date: date | None = None, to_date: date | None = None) -> Self:
        """Begun within these days, both included."""
        rows = self
        if from_date:
            rows = rows.filter(started_at__gte=_beginning(from_date))
        if to_date and to_date < date.max:
            rows = rows.filter(started_at__lt=_beginning(to_date + timedelta(days=1)))
        return rows.exclude(started_at=None) if from_date or to_date else rows

    def saying(self, words: str) -> Self:
        """With these words in their transcript, in any of their forms."""
        search = Search.parse(words)
        return self.filter(search=search.either()) if search else self.none()

    def matching(self, text: str) -> list[Self]:
        """What somebody looks for, the surest first, no call twice: by number, as it is written, in other forms.

        Each with its `moment`, to be ordered by. The planner knows of one word how many calls say it. Of several it
        doesn't, would look for calls that say them among the newest, and go through all transcripts if there are few:
        there, the moment is one that no index orders.
        """
        search, digits = Search.parse(text), digits_of(text.strip())
        ordered, unordered = F("started_at"), F("started_at") + timedelta(0)
        tiers, rows = [], self
        if digits:
            tiers.append(self.filter(_numbered(digits)).alias(moment=unordered))
            rows = self.exclude(_numbered(digits))
        if search:
            moment = ordered if search.is_one_word and not digits else unordered
            tiers.append(rows.filter(search=search.certain()).alias(moment=moment))
        if likely := search.likely():
            tiers.append(rows.filter(search=likely).alias(moment=unordered))
        return tiers

    def with_snippet(self, text: str = "") -> Self:
        """`snippet`: where the transcript says it, between `MARKS`, or else how it begins."""
        search = Search.parse(text)
        transcript = _without_marks(Left("transcript", SNIPPET_READS))
        if not search.groups:
            return self.annotate(snippet=_without_marks(Left("transcript", SNIPPET)))
        start, stop = MARKS
        headline = SearchHeadline(
            transcript,
            search.marked(),
            config=Func("language", function="recordings_config", output_field=models.TextField()),
            start_sel=start,
            stop_sel=stop,
            max_fragments=2,
            max_words=18,
            min_words=8,
        )
        return self.annotate(snippet=headline)


def _numbered(digits: str) -> Q:
    """Of calls with the number that `digits_of` has read."""
    if len(digits) < WHOLE_NUMBER:
        return Q(digits_backwards=digits[::-1])
    return Q(digits_backwards__startswith=digits[::-1])


def _beginning(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _without_marks(text: models.Expression) -> Func:
    return Func(text, Value("".join(MARKS)), Value(""), function="translate", output_field=models.TextField())


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


LONG_COLUMNS = ("segments", "transcript", "search", "digits_backwards")  # not needed to go through many calls


class RecordingManager(models.Manager["Recording"]):
    """Always with the call: every reader of an item shows it."""

    def get_queryset(self) -> models.QuerySet[Recording]:
        return super().get_queryset().select_related("call").defer(*(f"call__{name}" for name in LONG_COLUMNS))


class Recording(RunItem):
    """What became of a call in a run; its key is the call's ID."""

    public_fields = ("number", "direction", "started_at", "duration", "call_id")

    run = models.ForeignKey(RecordingRun, on_delete=models.CASCADE, related_name="items")
    # Null for what could not even be told to be a call.
    call = models.ForeignKey(Call, on_delete=models.CASCADE, null=True, related_name="recordings")

    # By this run: then work that an attempt finds done isn't an earlier run's.
    begun = models.BooleanField(default=False, db_default=False)

    objects: ClassVar[RecordingManager] = RecordingManager()

    class Meta(RunItem.Meta):
        verbose_name = _("recording")
        verbose_name_plural = _("recordings")

    def begin(self) -> None:
        Recording.objects.filter(pk=self.pk).update(begun=True)

    def retry_fields(self) -> dict[str, Any]:
        return {"key": self.key, "call": self.call}

    @property
    def direction(self) -> str:
        return self.call.direction if self.call else ""

    @property
    def number(self) -> str:
        return self.call.number if self.call else ""

    @property
    def started_at(self) -> datetime | None:
        return self.call.started_at if self.call else None

    @property
    def duration(self) -> float | None:
        return self.call.duration if self.call else None
