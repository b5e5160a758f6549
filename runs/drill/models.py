"""A run type that dies on purpose, so that operators and tests can see how the installation handles it."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from ..models import Business, Run

SANDBOX = "progress-drill"  # the slug of a business without members: only staff see its runs


class DrillRun(Run):
    slug, queue = "drill", "drill"
    stale_after_seconds = 10
    public_fields = ("steps", "step_seconds", "death", "dies_at", "dies_again")

    class Death(models.TextChoices):
        NONE = "none", _("None")
        KILLED = "killed", _("Killed process")
        HUNG = "hung", _("Hung process")
        RAISED = "raised", _("Error in the program")

    steps = models.PositiveIntegerField(_("steps"))
    step_seconds = models.FloatField(_("seconds a step"), default=0.2)
    death = models.CharField(_("death"), max_length=16, choices=Death, default=Death.NONE)
    dies_at = models.PositiveIntegerField(_("dies at step"), default=0)  # in its first attempt
    dies_again = models.BooleanField(_("dies in every attempt"), default=False)  # a poison step
    died_at = models.DateTimeField(_("died"), null=True, editable=False)

    class Meta(Run.Meta):
        verbose_name = _("drill")
        verbose_name_plural = _("drills")


class DrillStep(models.Model):
    """The effect of a step. No unique constraint: a step that was done twice must be visible."""

    run = models.ForeignKey(DrillRun, on_delete=models.CASCADE, related_name="footprints")
    number = models.PositiveIntegerField()
    attempt = models.PositiveIntegerField()
    pid = models.PositiveIntegerField(null=True)  # of the process that did it
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("drill step")

    def __str__(self) -> str:
        return f"{self.run_id}: {self.number}"


def sandbox_business() -> Business:
    return Business.objects.get_or_create(slug=SANDBOX, defaults={"name": "Progress drill"})[0]
