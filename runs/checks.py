"""System checks with stable ids: configurations under which a guarantee would fail are refused at start."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import User
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connection
from django.db.models import Q, QuerySet

from .models import Run, run_types
from .sign_in.demo import PASSWORD, USERS

BEATS_PER_THRESHOLD = 5


@register(Tags.models)
def thresholds_leave_room_for_beats(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A threshold near the flush interval makes healthy runs fail."""
    beat = settings.RUNS_FLUSH_INTERVAL_SECONDS
    return [
        Error(
            f"{model.__name__} expires after {model.stale_after().total_seconds():g} s, but beats"
            f" only every {beat:g} s.",
            hint=f"Leave at least {BEATS_PER_THRESHOLD} beats within the threshold.",
            obj=model,
            id="runs.E001",
        )
        for model in run_types()
        if model.stale_after().total_seconds() < BEATS_PER_THRESHOLD * beat
    ]


@register(Tags.models)
def metas_are_inherited(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A `Meta` without a base silently drops the indexes, constraints and triggers of every run."""
    return [
        Error(
            f"{model.__name__} has lost what every run needs: {', '.join(lost)}.",
            hint="Write `class Meta(Run.Meta):`, and add to its lists instead of replacing them.",
            obj=model,
            id="runs.E002",
        )
        for model in run_types()
        if (lost := list(_missing_parts(model)))
    ]


def _missing_parts(model: type[Run]) -> Iterator[str]:
    for kind in ("indexes", "constraints", "triggers"):
        own = {_name_without_class(model, part.name) for part in getattr(model._meta, kind, [])}
        for part in getattr(Run.Meta, kind):
            if _name_without_class(model, part.name) not in own:
                yield f"{kind}: {_name_without_class(model, part.name)}"


def _name_without_class(model: type[Run], name: str | None) -> str:
    return (name or "").replace("%(class)s", "").removeprefix(model._meta.model_name or "")


@register("queues")
def queues_are_served(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A run in a queue that no worker listens to waits for ever."""
    procfile = Path(settings.BASE_DIR, "Procfile")
    if not procfile.exists():
        return []
    served = {queue for queues in re.findall(r"-Q\s+(\S+)", procfile.read_text()) for queue in queues.split(",")}
    return [
        Error(
            f"No worker of the Procfile serves the queue {model.queue!r} of {model.__name__}.",
            hint="Add it to the worker's -Q.",
            obj=model,
            id="runs.E003",
        )
        for model in run_types()
        if model.queue not in served
    ]


@register(Tags.models)
def limits_name_run_types(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """A misspelt type would silently have no limit."""
    slugs = {model.slug for model in run_types()}
    return [
        Error(
            f"{name} names {slug!r}, which is no run type.",
            hint=f"There are {', '.join(sorted(slugs))}.",
            id="runs.E009",
        )
        for name in ("RUNS_MAX_RUNNING", "RUNS_START_QUOTAS")
        for slug in sorted(set(getattr(settings, name)) - slugs)
    ]


@register("queues")
def tasks_are_acknowledged_early(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """With late acknowledgement a broker hands a long run to a second worker."""
    late = [
        name
        for name in ("CELERY_TASK_ACKS_LATE", "CELERY_TASK_REJECT_ON_WORKER_LOST")
        if getattr(settings, name, False)
    ]
    return [
        Error(
            f"{name} is on: a broker would deliver the messages of long runs again.",
            hint="Turn it off. The row of a run brings it back after a crash, not its message.",
            id="runs.E004",
        )
        for name in late
    ]


@register(Tags.database)
def database_is_postgresql(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if connection.vendor == "postgresql":
        return []
    return [
        Error(
            f"Runs need PostgreSQL; DATABASES names {connection.vendor}.",
            hint="The guarantees rely on its triggers, partial indexes and clock.",
            id="runs.E005",
        )
    ]


@register(Tags.security, deploy=True)
def demo_passwords_are_refused(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Queries the database. Where it is away that is no error, so that the other checks run without one."""
    try:
        open_to_all = [user.username for user in find_possible_demo_users() if check_password(PASSWORD, user.password)]
    except DatabaseError:
        return [
            checks.Info(
                "The passwords can't be checked: the database is unavailable.",
                hint="Run this check again once the database is up and migrated.",
                id="runs.I008",
            )
        ]
    return [
        Error(
            f"{name!r} still has the public password of the demo.",
            hint=f"Run `manage.py changepassword {name}`, or delete the user in the admin.",
            id="runs.E007",
        )
        for name in open_to_all
    ]


def find_possible_demo_users() -> QuerySet[User]:
    """By name, and every superuser: a user of the demo may have been renamed."""
    by_name = Q(username__in=USERS)
    return User.objects.filter(by_name | Q(is_superuser=True), is_active=True).order_by("username")


@register("queues", deploy=True)
def broker_is_fit_for_production(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Files and memory can't be shared by the machines of an installation."""
    transport = str(getattr(settings, "CELERY_BROKER_URL", "")).partition(":")[0]
    if transport not in ("filesystem", "memory", ""):
        return []
    return [
        checks.Warning(
            f"The broker {transport or 'is not set'}:// serves one machine only.",
            hint="Set CELERY_BROKER_URL to Redis, Valkey or RabbitMQ.",
            id="runs.W006",
        )
    ]
