"""Workers as they announce themselves, without a process."""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now

from runs.models import Worker


def announce(name: str = "worker@test", *, queues: list[str], slots: int = 2, seconds_ago: float = 0) -> Worker:
    then = Now() - timedelta(seconds=seconds_ago)
    worker, _created = Worker.objects.update_or_create(
        name=name,
        defaults={
            "boot": "boot",
            "queues": queues,
            "slots": slots,
            "version": "1.0",
            "host": "machine-7",
            "booted_at": then,
            "announced_at": then,
            "unbroken_since": then,
        },
    )
    return worker
