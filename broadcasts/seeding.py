"""What `manage.py seed_demo` gives a business: an outbox, slow enough to watch."""

from __future__ import annotations

from runs.models import Business

from .models import ProviderAccount


def seed(business: Business) -> None:
    ProviderAccount.objects.get_or_create(
        business=business,
        kind=ProviderAccount.Kind.OUTBOX,
        defaults={"name": "Outbox", "rate": 20, "failure_rate": 0.02},
    )
