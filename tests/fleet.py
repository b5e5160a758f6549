"""Workers that have announced themselves, without their processes."""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now

from runs.models import Worker


def announce(name: str, *queues: str, slots: int = 1, boot: str = "boot", seconds_ago: float = 0) -> Worker:
    """A worker whose last announcement is `seconds_ago`, after an hour without a gap."""
    announced_at = Now() - timedelta(seconds=seconds_ago)
    an_hour_before = Now() - timedelta(seconds=seconds_ago + 3600)
    return Worker.objects.update_or_create(
        name=name,
        defaults={
            "boot": boot,
            "queues": list(queues),
            "slots": slots,
            "booted_at": an_hour_before,
            "unbroken_since": an_hour_before,
            "announced_at": announced_at,
        },
    )[0]
