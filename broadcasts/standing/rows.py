"""Writes of an account's standing. Each part has its time: older news never replaces newer."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models.functions import Now

from ..models import AccountStanding, ProviderAccount


def get_standing(account: ProviderAccount) -> AccountStanding:
    return AccountStanding.objects.get_or_create(account=account)[0]


def update_standing(account: ProviderAccount, **columns: object) -> None:
    AccountStanding.objects.filter(pk=get_standing(account).pk).update(**columns)


def note_quality(account: ProviderAccount, quality: object, at: datetime | None) -> None:
    """`at`: None for the present."""
    if quality in AccountStanding.Quality.values:
        rows = AccountStanding.objects.filter(pk=get_standing(account).pk)
        not_newer(rows, "quality_at", at).update(quality=quality, quality_at=at or Now())


def note_limit(account: ProviderAccount, limit: int | None, at: datetime | None) -> None:
    """`at`: None for the present."""
    if limit is not None:
        rows = AccountStanding.objects.filter(pk=get_standing(account).pk)
        not_newer(rows, "daily_limit_at", at).update(daily_limit=limit, daily_limit_at=at or Now())


def not_newer(
    rows: models.QuerySet[AccountStanding], column: str, at: datetime | None
) -> models.QuerySet[AccountStanding]:
    """The rows in which nothing newer than `at` is stored."""
    return rows.filter(models.Q((column, None)) | models.Q((f"{column}__lte", at))) if at else rows


def only_digits(number: object) -> str:
    return "".join(each for each in number if each in "0123456789")[:40] if isinstance(number, str) else ""
