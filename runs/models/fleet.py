"""The workers of the installation, as they announce themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

# A worker that hasn't announced itself for so long is lost, and its runs may be reclaimed by another.
LOST_AFTER: Final = timedelta(seconds=45)


class WorkerQuerySet(models.QuerySet["Worker"]):
    def alive(self) -> Self:
        return self.filter(announced_at__gt=Now() - LOST_AFTER)

    def serving(self, queue: str) -> Self:
        return self.filter(queues__contains=[queue])


class Worker(models.Model):
    """A worker and its last announcement. It proves that the machine is alive, never that a run's work is."""

    name = models.CharField(_("name"), max_length=200, unique=True)
    boot = models.CharField(max_length=40)
    queues = ArrayField(models.CharField(max_length=64), verbose_name=_("queues"))
    slots = models.PositiveIntegerField(_("slots"))
    version = models.CharField(_("version"), max_length=64, blank=True, default="")
    host = models.CharField(_("host"), max_length=200, blank=True, default="")
    booted_at = models.DateTimeField(_("booted"))
    announced_at = models.DateTimeField(_("last announced"))
    unbroken_since = models.DateTimeField()  # no two of its announcements since then were far apart

    objects = WorkerQuerySet.as_manager()

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return self.name
