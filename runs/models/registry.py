"""All run types of the installation, completed with what an abstract Meta can't declare."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models.signals import class_prepared
from django.dispatch import receiver

from ..states import ACTIVE
from .audit import record_changes
from .run import Run


@cache
def run_types() -> tuple[type[Run], ...]:
    """Every concrete run type of the installation, by slug."""
    types = (model for model in apps.get_models() if issubclass(model, Run))
    return tuple(sorted(types, key=lambda model: model.slug))


@receiver(class_prepared)
def complete_run_type(sender: type[models.Model], **kwargs: Any) -> None:
    """Add what an abstract Meta can't declare: the constraint of exclusive types and the table of events."""
    if not issubclass(sender, Run) or sender._meta.proxy:
        return
    if sender.exclusive:
        one_active = models.UniqueConstraint(
            fields=["business"],
            condition=models.Q(status__in=ACTIVE),
            name=f"{sender._meta.model_name}_one_active",
        )
        sender._meta.constraints = [*sender._meta.constraints, one_active]
    record_changes(sender)
