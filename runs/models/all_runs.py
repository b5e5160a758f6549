"""The runs of all types together, as one entry of the admin."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class AllRuns(models.Model):
    """Has no table and no rows: the admin needs a model for the list's address and name."""

    class Meta:
        managed = False
        default_permissions = ()
        verbose_name = _("all runs")
        verbose_name_plural = _("all runs")

    def __str__(self) -> str:
        return str(self._meta.verbose_name)
