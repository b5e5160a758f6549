"""An item of a recording run."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from runs.durations import format_clock
from runs.models import RunItem
from runs.models.item_facts import Fact, drop_empty

from .call import Call
from .call_queryset import LONG_COLUMNS
from .recording_run import RecordingRun


class RecordingManager(models.Manager["Recording"]):
    """Loads items with their call, which every reader shows."""

    def get_queryset(self) -> models.QuerySet[Recording]:
        return super().get_queryset().select_related("call").defer(*(f"call__{name}" for name in LONG_COLUMNS))


class Recording(RunItem):
    """What became of a call in a run; its key is the call's ID."""

    public_fields = ("number", "direction", "started_at", "duration", "call_id")

    run = models.ForeignKey(RecordingRun, on_delete=models.CASCADE, related_name="items")
    # Null if the file could not be identified as a call.
    call = models.ForeignKey(Call, on_delete=models.CASCADE, null=True, related_name="recordings")

    # By this run: work that its next attempt finds done is then not an earlier run's.
    begun = models.BooleanField(default=False, db_default=False)

    objects: ClassVar[RecordingManager] = RecordingManager()

    class Meta(RunItem.Meta):
        verbose_name = _("recording")
        verbose_name_plural = _("recordings")

    def mark_begun(self) -> None:
        Recording.objects.filter(pk=self.pk).update(begun=True)

    def facts(self) -> list[Fact]:
        if self.call is None:
            return []
        length = "" if self.duration is None else format_clock(self.duration)
        return drop_empty(
            [
                Fact(_("Direction"), self.call.get_direction_display()),
                Fact(_("Began"), at=self.started_at),
                Fact(_("Length"), length),
                Fact(_("Call ID"), self.call.call_id if self.number else ""),  # else it is the headline
            ]
        )

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
