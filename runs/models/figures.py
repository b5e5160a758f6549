"""What the history adds up to, so that no reader counts it: figures of each day, and counters that only grow.

Triggers write a `FigureChange` with every change to a finished run; the sweep adds them up and deletes them. Statements
and rules are in `figure_statements`.
"""

from __future__ import annotations

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

# Spans of time are counted in buckets, of which each is a fourth of an octave wide (19 %): number n holds those of more
# than 2^((n-1)/4) and at most 2^(n/4) seconds. The first also holds all that are shorter, the last all that are longer.
BUCKETS_PER_OCTAVE: Final = 4
FIRST_BUCKET: Final = -4 * BUCKETS_PER_OCTAVE  # 1/16 s
LAST_BUCKET: Final = 21 * BUCKETS_PER_OCTAVE  # 24 days


def upper_bound(bucket: float) -> float:
    """The longest span in the bucket, in seconds; of a part of a bucket the span up to there."""
    return float(2 ** (bucket / BUCKETS_PER_OCTAVE))


class Measure(models.TextChoices):
    DURATION = "duration", _("Duration")  # from its first start to its end, of a run that was completed
    WAIT = "wait", _("Wait in the queue")  # from its creation to its first start, of any run that was started


class FigureChange(models.Model):
    """What one change to a run adds to the figures, or takes from them (`runs` is -1). Written by triggers alone."""

    run_type = models.CharField(max_length=64)
    day = models.DateField()
    status = models.CharField(max_length=16)
    error_code = models.CharField(max_length=16)
    has_ended = models.BooleanField()  # by this change, and not before
    runs = models.SmallIntegerField()
    items = models.BigIntegerField()
    unknown = models.BigIntegerField()
    duration = models.FloatField(null=True)  # seconds
    wait = models.FloatField(null=True)

    class Meta:
        verbose_name = _("change of figures")

    def __str__(self) -> str:
        return f"{self.runs:+} {self.run_type} {self.status} on {self.day}"


class UncountedHistory(models.Model):
    """The runs of a type that ended before there were figures: those up to this id are still to be counted."""

    run_type = models.CharField(max_length=64, primary_key=True)
    through = models.BigIntegerField()

    class Meta:
        verbose_name = _("uncounted history")

    def __str__(self) -> str:
        return f"{self.run_type} up to {self.through}"


class DailyOutcome(models.Model):
    """The finished runs that ended on this day (UTC) as they are now: one that is retried is taken out again."""

    day = models.DateField()
    run_type = models.CharField(max_length=64)
    status = models.CharField(max_length=16)
    error_code = models.CharField(max_length=16)
    runs = models.BigIntegerField()
    items = models.BigIntegerField()  # that they have processed
    unknown = models.BigIntegerField()  # of these, with an unknown outcome

    class Meta:
        verbose_name = _("outcome of a day")
        constraints = [
            models.UniqueConstraint(fields=["day", "run_type", "status", "error_code"], name="one_outcome_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.day}: {self.runs} {self.run_type} {self.status}"


class DailySpan(models.Model):
    """How many of the same runs took so long, by bucket."""

    day = models.DateField()
    run_type = models.CharField(max_length=64)
    measure = models.CharField(max_length=16)
    bucket = models.SmallIntegerField()
    runs = models.BigIntegerField()

    class Meta:
        verbose_name = _("span of a day")
        constraints = [models.UniqueConstraint(fields=["day", "run_type", "measure", "bucket"], name="one_span_a_day")]

    def __str__(self) -> str:
        return f"{self.day}: {self.runs} {self.run_type} {self.measure} {self.bucket}"


class OutcomeCounter(models.Model):
    """How often a run ended so, since there are figures. A monitor needs counters that never go back."""

    run_type = models.CharField(max_length=64)
    status = models.CharField(max_length=16)
    error_code = models.CharField(max_length=16)
    runs = models.BigIntegerField()

    class Meta:
        verbose_name = _("counter of outcomes")
        constraints = [
            models.UniqueConstraint(fields=["run_type", "status", "error_code"], name="one_counter_an_outcome")
        ]

    def __str__(self) -> str:
        return f"{self.runs} {self.run_type} {self.status}"


class SpanCounter(models.Model):
    """How often a run took so long, by bucket, and all of these spans together, in seconds."""

    run_type = models.CharField(max_length=64)
    measure = models.CharField(max_length=16)
    bucket = models.SmallIntegerField()
    runs = models.BigIntegerField()
    seconds = models.FloatField()

    class Meta:
        verbose_name = _("counter of spans")
        constraints = [models.UniqueConstraint(fields=["run_type", "measure", "bucket"], name="one_counter_a_span")]

    def __str__(self) -> str:
        return f"{self.runs} {self.run_type} {self.measure} {self.bucket}"
