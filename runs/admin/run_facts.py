"""What a run's page in the admin says beside the card: the numbers, people and times, formatted for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from ..durations import format_age, format_elapsed
from ..models import Run
from ..numbers import format_number, format_rate

COUNTS = ("total", "processed", "succeeded", "failed", "skipped")
MOMENTS = ("created_at", "started_at", "finished_at")

Fact = tuple[str, str]  # label and value


def facts_of(run: Run) -> list[tuple[str | Promise, list[Fact]]]:
    """Groups with their titles. Left out is what doesn't apply to this run."""
    return [
        (_("Counts"), [*number_facts(run, COUNTS), (str(_("Outcome unknown")), format_number(run.unknown)), *own(run)]),
        (_("Who and where"), present(people_of(run))),
        (_("Times"), present(times_of(run))),
    ]


def own(run: Run) -> list[Fact]:
    rate = [] if run.rate is None else [(label_of(run, "rate"), format_rate(run.rate))]
    return [*rate, *number_facts(run, own_numbers(type(run)))]


def own_numbers(model: type[Run]) -> list[str]:
    """The numbers that only this type has: they change while it runs."""
    common = common_field_names()
    return [field.name for field in model._meta.fields if is_number(field) and field.name not in common]


def is_number(field: models.Field[Any, Any]) -> bool:
    return isinstance(field, models.IntegerField | models.FloatField) and not field.primary_key


def common_field_names() -> set[str]:
    return {"id", *(field.name for field in Run._meta.get_fields())}


def number_facts(run: Run, names: Sequence[str]) -> list[Fact]:
    numbers = [(name, getattr(run, name)) for name in names]
    return [(label_of(run, name), format_number(number)) for name, number in numbers if number is not None]


def people_of(run: Run) -> list[tuple[str, Any]]:
    return [
        (label_of(run, "created_by"), run.created_by),
        (label_of(run, "attempt"), format_number(run.attempt)),
        (label_of(run, "worker"), run.worker),
        (str(_("Asked to")), run.get_requested_display()),
        (str(_("Error")), run.get_error_code_display()),
    ]


def times_of(run: Run) -> list[tuple[str, Any]]:
    return [
        *((label_of(run, name), format_moment(getattr(run, name))) for name in MOMENTS),
        (str(_("Duration")), duration_of(run)),
        (label_of(run, "heartbeat_at"), format_age(run.heartbeat_age) if run.heartbeat_at else ""),
        (label_of(run, "progress_at"), format_age(run.progress_age) if run.progress_at else ""),
    ]


def present(facts: Sequence[tuple[str, Any]]) -> list[Fact]:
    return [(label, str(value)) for label, value in facts if value]


def label_of(run: Run, name: str) -> str:
    return str(capfirst(str(run._meta.get_field(name).verbose_name)))  # type: ignore[union-attr]  # they are columns


def format_moment(moment: datetime | None) -> str:
    return date_format(timezone.localtime(moment), "DATETIME_FORMAT") if moment else ""


def duration_of(run: Run) -> str:
    """Since its first claim; empty before it."""
    if run.started_at is None:
        return ""
    return format_elapsed(((run.finished_at or run.server_now) - run.started_at).total_seconds())
