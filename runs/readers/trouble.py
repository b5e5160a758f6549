"""What operators look for first, as conditions: the home counts these runs, and the list of all runs finds them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, cast

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_lazy as _

from ..models import Run, RunQuerySet
from ..states import ACTIVE, FINISHED, ErrorCode, Status
from .verdict import NOT_ADVANCING_AFTER, QUIET_AFTER

LATELY: Final = timedelta(hours=24)


class Trouble(models.TextChoices):
    QUIET = "quiet", _("Quiet")
    NOT_ADVANCING = "not_advancing", _("Not advancing")
    STALE = "stale", _("Stuck in the last 24 hours")
    FAILED_OTHERWISE = "failed_otherwise", _("Failed otherwise in the last 24 hours")
    UNKNOWN = "unknown", _("With unknown effects, active or ended in the last 24 hours")


def find_in_trouble(rows: RunQuerySet[Run], trouble: Trouble) -> RunQuerySet[Run]:
    """Those of the rows, after read-repair."""
    return measure_silence(rows).filter(trouble_conditions(rows.model)[trouble])


def measure_silence(rows: RunQuerySet[Run]) -> RunQuerySet[Run]:
    """With the columns that the conditions refer to."""
    measured = rows.with_ages().annotate(
        is_silent_=Coalesce(Q(silence_left__gt=0), False), is_waiting_=Coalesce(Q(wait_left__gt=0), False)
    )
    return cast("RunQuerySet[Run]", measured)


def trouble_conditions(model: type[Run]) -> Mapping[Trouble, Q]:
    """Those of running runs are as `readers.verdict` gives their verdicts. A run that staff have reset is in none."""
    is_overdue = Q(pk__in=model.objects.overdue().values("pk"))
    beats_for_itself = Q(status=Status.RUNNING, is_silent_=False, is_waiting_=False) & ~is_overdue
    is_quiet = Q(heartbeat_age__gt=QUIET_AFTER)
    ended_lately = Q(status__in=FINISHED, finished_at__gt=Now() - LATELY)
    failed_lately = ended_lately & Q(status=Status.FAILED)
    return {
        Trouble.QUIET: beats_for_itself & is_quiet,
        Trouble.NOT_ADVANCING: beats_for_itself & ~is_quiet & Q(progress_age__gt=NOT_ADVANCING_AFTER),
        Trouble.STALE: failed_lately & Q(error_code=ErrorCode.STALE),
        Trouble.FAILED_OTHERWISE: failed_lately & ~Q(error_code__in=(ErrorCode.STALE, ErrorCode.RESET)),
        Trouble.UNKNOWN: (Q(status__in=ACTIVE) | ended_lately)
        & Q(processed__gt=F("succeeded") + F("failed") + F("skipped")),
    }
