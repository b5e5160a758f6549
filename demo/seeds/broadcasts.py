"""What `manage.py seed_demo` gives a business: an outbox, slow enough to watch, and people who want no messages."""

from __future__ import annotations

from broadcasts.models import AccountStanding, OptOut, ProviderAccount
from runs.models import Business

STOPPED = (
    ("+972502000009", OptOut.Source.WORDS, "תסירו אותי מהרשימה"),
    ("+972502000019", OptOut.Source.PREFERENCES, ""),
    ("+972502000029", OptOut.Source.MEMBER, "Asked at the counter"),
)


def seed(business: Business) -> None:
    account, is_new = ProviderAccount.objects.get_or_create(
        business=business,
        kind=ProviderAccount.Kind.OUTBOX,
        defaults={"name": "Outbox", "rate": 20, "failure_rate": 0.05},
    )
    if is_new:  # what people do with it later stays
        AccountStanding.objects.create(account=account, quality=AccountStanding.Quality.GREEN, daily_limit=250)
        for phone, source, words in STOPPED:
            defaults = {"source": source, "words": words}
            OptOut.objects.get_or_create(business=business, phone=phone, defaults=defaults)
