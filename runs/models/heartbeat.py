"""Rows whose owner must prove that it is alive; ages are measured by the database's clock alone (G6)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Self, TypeVar

from django.db import models
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

H = TypeVar("H", bound="HeartbeatMixin")

# What `with_ages` adds.
AGES = ("server_now", "heartbeat_age", "progress_age", "silence_left", "wait_left")


class HeartbeatQuerySet(models.QuerySet[H]):
    """Queries about the age of heartbeats, by the database's clock alone."""

    def without_heartbeat_for(self, age: timedelta) -> Self:
        """No heartbeat for `age`, and none promised for later by `allow_silence`."""
        return self.filter(
            ~models.Q(silent_until__gt=Now()),
            heartbeat_at__lt=CombinedExpression(Now(), "-", models.Value(age)),
        )

    def with_ages(self) -> Self:
        """Annotate what the verdict needs, so that no reader subtracts clocks of its own."""
        return self.annotate(
            server_now=Now(),
            heartbeat_age=seconds_since("heartbeat_at"),
            progress_age=seconds_since("progress_at"),
            silence_left=-seconds_since("silent_until"),
            wait_left=-seconds_since("waiting_until"),
        )


def seconds_since(column: str) -> models.Func:
    """By the database's clock; null where the column is."""
    return models.Func(
        Now(),
        models.F(column),
        template="EXTRACT(EPOCH FROM %(expressions)s)::float8",
        arg_joiner=" - ",
        output_field=models.FloatField(),
    )


class HeartbeatMixin(models.Model):
    """A row whose owner must send heartbeats. Every timestamp is written by the database."""

    heartbeat_at = models.DateTimeField(_("heartbeat"), null=True, editable=False)
    progress_at = models.DateTimeField(_("last progress"), null=True, editable=False)
    silent_until = models.DateTimeField(_("silent until"), null=True, editable=False)

    # Filled by `with_ages()`, in seconds; null where there is nothing to measure.
    server_now: Any
    heartbeat_age: float | None
    progress_age: float | None
    silence_left: float | None
    wait_left: float | None

    class Meta:
        abstract = True
