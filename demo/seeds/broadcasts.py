"""What `manage.py seed_demo` gives a business: an outbox, slow enough to watch."""

from __future__ import annotations

from broadcasts.models import ProviderAccount
from runs.models import Business


def seed(business: Business) -> None:
    ProviderAccount.objects.get_or_create(
        business=business,
        kind=ProviderAccount.Kind.OUTBOX,
        defaults={"name": "Outbox", "rate": 20, "failure_rate": 0.02},
    )
