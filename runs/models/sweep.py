"""When the last round of the sweep was, and its lease."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Sweep(models.Model):
    """One row: when the last round started and finished. It is also the lease that lets one round run at a time."""

    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("sweep")

    def __str__(self) -> str:
        return f"sweep at {self.finished_at}"
