"""The rows of `runs.throttling`."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Throttle(models.Model):
    """When a caller has paid off what it did lately; see `throttling`."""

    key = models.CharField(max_length=100, primary_key=True)
    paid_at = models.DateTimeField()

    class Meta:
        verbose_name = _("throttle")

    def __str__(self) -> str:
        return self.key
