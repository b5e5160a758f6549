"""Whose turn it is in a queue, and how much each business may run at once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from .business import Business
from .registry import run_types


class BusinessQueue(models.Model):
    """One row for a business and a queue. Each claim locks it, so that the business's runs are claimed one by one."""

    business = models.ForeignKey(Business, on_delete=models.CASCADE, related_name="+")
    queue = models.CharField(max_length=64)
    served_at = models.DateTimeField(null=True)  # when its last run was claimed; the longest ago comes first

    class Meta:
        verbose_name = _("business in a queue")
        constraints = [models.UniqueConstraint(fields=["business", "queue"], name="one_row_a_business_and_queue")]
        indexes = [models.Index("queue", models.F("served_at").asc(nulls_first=True), "id", name="turns_in_order")]

    def __str__(self) -> str:
        return f"{self.business_id} · {self.queue}"


class RunLimit(models.Model):
    """How many runs may be `running` at once. Of a business's type it replaces `RUNS_MAX_RUNNING`.

    A wider limit, without a business or without a type, holds in addition. Its row is locked by each claim that it
    may refuse.
    """

    business = models.ForeignKey(
        Business,
        verbose_name=_("business"),
        help_text=_("Empty: of all businesses together."),
        on_delete=models.CASCADE,
        related_name="run_limits",
        null=True,
        blank=True,
    )
    run_type = models.CharField(
        _("type"), help_text=_("Empty: of all types together."), max_length=64, blank=True, default=""
    )
    max_running = models.PositiveIntegerField(
        _("at most running"), help_text=_("0 holds all of these runs back in the queue.")
    )

    class Meta:
        verbose_name = _("limit of running runs")
        verbose_name_plural = _("limits of running runs")
        constraints = [
            models.UniqueConstraint(fields=["business", "run_type"], name="one_limit_a_business_and_type"),
            models.UniqueConstraint(fields=["run_type"], condition=models.Q(business=None), name="one_limit_of_all"),
        ]

    def __str__(self) -> str:
        return f"{self.business or '*'} · {self.run_type or '*'}: {self.max_running}"

    def clean(self) -> None:
        if self.run_type and self.run_type not in {model.slug for model in run_types()}:
            raise ValidationError({"run_type": _("There is no such type of run.")})

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        """Say it beside a field: by itself Django names the constraint."""
        try:
            super().validate_constraints(exclude)
        except ValidationError as error:
            raise ValidationError({"run_type": _("There is a limit for this already.")}) from error


def default_limit(slug: str) -> int | None:
    """How many runs of a type a business may have running at once, where no row says otherwise. None: any number."""
    limits: dict[str, Any] = settings.RUNS_MAX_RUNNING
    return limits.get(slug)
