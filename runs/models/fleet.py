"""The workers of the installation, as they announce themselves."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import Any, Final, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from .compiled_query import CompiledQuery

FORGOTTEN_AFTER: Final = timedelta(days=1)


def lost_after() -> timedelta:
    """A worker that hasn't announced itself for so long is lost, and its runs may be reclaimed by another: 45 s."""
    return timedelta(seconds=4.5 * settings.RUNS_ANNOUNCE_SECONDS)


def longest_gap() -> timedelta:
    """Between two announcements of a worker whose connection to the database is unbroken: 20 s."""
    return timedelta(seconds=2 * settings.RUNS_ANNOUNCE_SECONDS)


# Announce: called by each worker in turn. Guard: the row of this name is this boot's, unless this is the boot's first
# announcement, which takes the row. No row returned: a newer boot has taken it.
ANNOUNCE_SQL: Final = """
    INSERT INTO runs_worker AS known (
        name, boot, queues, slots, version, host, booted_at, announced_at, unbroken_since
    )
    VALUES (
        %(name)s, %(boot)s, %(queues)s, %(slots)s, %(version)s, %(host)s,
        statement_timestamp(), statement_timestamp(), statement_timestamp()
    )
    ON CONFLICT (name) DO UPDATE SET
        boot = EXCLUDED.boot,
        queues = EXCLUDED.queues,
        slots = EXCLUDED.slots,
        version = EXCLUDED.version,
        host = EXCLUDED.host,
        booted_at = CASE WHEN known.boot = EXCLUDED.boot THEN known.booted_at ELSE statement_timestamp() END,
        announced_at = statement_timestamp(),
        unbroken_since = CASE
            WHEN known.boot = EXCLUDED.boot AND known.announced_at >= statement_timestamp() - %(longest_gap)s
            THEN known.unbroken_since
            ELSE statement_timestamp()
        END
    WHERE known.boot = EXCLUDED.boot OR %(is_first)s
    RETURNING id
"""


class WorkerQuerySet(models.QuerySet["Worker"]):
    def announce(
        self,
        *,
        name: str,
        boot: str,
        queues: list[str],
        slots: int,
        version: str = "",
        host: str = "",
        is_first: bool = False,
    ) -> bool:
        """Record that this worker is alive; False where a newer boot has taken the name."""
        parameters: Any = {
            "name": name,
            "boot": boot,
            "queues": queues,
            "slots": slots,
            "version": version,
            "host": host,
            "is_first": is_first,
            "longest_gap": longest_gap(),
        }
        with connection.cursor() as cursor:
            cursor.execute(ANNOUNCE_SQL, parameters)
            return cursor.fetchone() is not None

    def alive(self) -> Self:
        return self.filter(announced_at__gt=Now() - lost_after())

    def lost(self) -> Self:
        return self.filter(announced_at__lte=Now() - lost_after())

    def entitled_to_judge(self) -> Self:
        """Those that may call others lost: they announced themselves just now, and all the time that it takes.

        After an outage of the database all announcements are old, and nobody is entitled: the outage wasn't theirs.
        """
        return self.filter(announced_at__gt=Now() - longest_gap(), unbroken_since__lte=Now() - lost_after())

    def forgotten(self) -> Self:
        return self.filter(announced_at__lt=Now() - FORGOTTEN_AFTER)

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
        permissions = [("view_operations", "Can view operations")]  # the operator's home

    def __str__(self) -> str:
        return self.name


def slots_of_workers(queue: str) -> CompiledQuery:
    """Names and slots of the workers that are alive and serve the queue."""
    return _compile_slots(queue, lost_after())


@lru_cache(maxsize=64)
def _compile_slots(queue: str, _lost_after: timedelta) -> CompiledQuery:
    return CompiledQuery.of(Worker.objects.alive().serving(queue).values_list("name", "slots"))
