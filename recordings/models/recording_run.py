"""The run type that fetches and transcribes calls."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Value
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, npgettext

from runs.models import Run
from runs.models.period import format_period
from runs.numbers import format_number

from ..sources import Direction
from ..warnings import LeftOuts, format_warnings
from .source import Source


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
        "about",
    )
    search_fields = ("source__name",)

    source_path = "source__name"

    class JobType(models.TextChoices):
        DOWNLOAD = "download", _("Download")
        FULL = "full", _("Download and transcribe")

    source = models.ForeignKey(Source, verbose_name=_("source"), on_delete=models.CASCADE)
    job_type = models.CharField(_("job"), max_length=16, choices=JobType, default=JobType.FULL)
    from_date = models.DateField(_("from"), null=True)
    to_date = models.DateField(_("to"), null=True)
    direction = models.CharField(_("direction"), max_length=16, choices=Direction, blank=True, default="")
    selected = models.BooleanField(default=False)  # a retry of chosen items: the source isn't listed
    # The call in progress, and how much of it is done.
    current = models.CharField(max_length=200, blank=True, default="")
    current_pct = models.FloatField(_("percent of the current call"), null=True)
    # What the listing left out, and why (`warnings.py`).
    left_out = models.JSONField(_("left out"), default=dict, blank=True, db_default=Value({}, models.JSONField()))

    class Meta(Run.Meta):
        verbose_name = _("call recordings")
        verbose_name_plural = _("call recordings")

    def mode_label(self) -> str:
        job = str(self.JobType(self.job_type).label)
        direction = str(Direction(self.direction).label) if self.direction else ""
        return " · ".join(filter(None, [job, direction, format_period(self.from_date, self.to_date)]))

    def unit(self, n: int) -> str:
        return npgettext("unit", "call", "calls", n)

    def count_label(self, n: int) -> str:
        return ngettext("%(n)s call", "%(n)s calls", n) % {"n": format_number(n)}

    def result_label(self) -> str:
        return self.count_label(self.succeeded) if self.succeeded else ""

    @property
    def warnings(self) -> list[str]:
        """What the listing left out, in the reader's language."""
        return format_warnings(self.left_out)

    def store_left_out(self, left_out: LeftOuts) -> None:
        self.left_out = left_out
        RecordingRun.objects.filter(pk=self.pk).update(left_out=left_out, version=models.F("version") + 1)

    def retry_fields(self) -> dict[str, Any]:
        copied = ("source", "job_type", "from_date", "to_date", "direction")
        return {"selected": True, **{name: getattr(self, name) for name in copied}}
