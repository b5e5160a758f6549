"""A run type that nothing in the project knows: what works for it works for any other."""

from typing import Any

from django.db import models

from runs.models import Run, RunItem


class CountingRun(Run):
    slug, queue, exclusive = "counting", "drill", True

    items: Any  # a manager of `CountedNumber`
    effects: Any  # a manager of `CountingEffect`

    class Meta(Run.Meta):
        verbose_name = "counting"
        verbose_name_plural = "countings"


class CountedNumber(RunItem):
    run = models.ForeignKey(CountingRun, on_delete=models.CASCADE, related_name="items")
    title = models.CharField(max_length=100, blank=True, default="")

    public_fields = ("title",)

    class Meta(RunItem.Meta):
        verbose_name = "number"


class CountingEffect(models.Model):
    """What the work writes besides its items, once for each number however often it repeats it."""

    run = models.ForeignKey(CountingRun, on_delete=models.CASCADE, related_name="effects")
    number = models.IntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["run", "number"], name="countingeffect_once"),)

    def __str__(self) -> str:
        return f"{self.run_id}: {self.number}"
