"""What `manage.py seed_demo` adds to a business: an outbox, slow enough to watch, and opt-outs."""

from __future__ import annotations

from broadcasts.models import AccountStanding, OptOut, ProviderAccount
from runs.models import Business

OPT_OUTS = (
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
    if is_new:  # later runs of this command leave it as people have set it
        AccountStanding.objects.create(account=account, quality=AccountStanding.Quality.GREEN, daily_limit=250)
        for phone, source, words in OPT_OUTS:
            defaults = {"source": source, "words": words}
            OptOut.objects.get_or_create(business=business, phone=phone, defaults=defaults)
