"""When the sweep last passed, and its lease."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Sweep(models.Model):
    """The one row that says when the sweep was last here; also its lease, so one runs at a time."""

    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("sweep")

    def __str__(self) -> str:
        return f"sweep at {self.finished_at}"
