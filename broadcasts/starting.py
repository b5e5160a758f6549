"""A broadcast as a person wrote it, to be previewed and started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from runs.lifecycle import start

from .audience import Audience, AudienceClassifier, UnreadableAudience, store_recipients
from .messages import render_text
from .models import ProviderAccount, WhatsAppBroadcast
from .standing import warnings_of


@dataclass(frozen=True)
class Draft:
    """A broadcast that hasn't been started."""

    account: ProviderAccount
    name: str
    text: str
    audience: Audience
    template: str = ""
    language: str = ""

    def make_classifier(self) -> AudienceClassifier:
        return AudienceClassifier(self.account, self.text, self.audience)


def preview(draft: Draft) -> dict[str, Any]:
    """How many would get the message and how many wouldn't, the first recipient's message, and warnings.

    Raises `UnreadableAudience`.
    """
    classifier, first = draft.make_classifier(), None
    for batch in classifier.classify_batches():
        first = first or next((each for each in batch if not each.skip_code), None)
    text = render_text(draft.text, first.row.variables if first else {}, draft.audience.columns)
    return {
        "counts": classifier.counts.as_json(),
        "to": first.phone if first else "",
        "text": text if first else draft.text,
        "warnings": warnings_of(draft.account, classifier.counts.valid),
    }


def start_broadcast(draft: Draft, created_by: User | None, idempotency_key: str = "") -> WhatsAppBroadcast:
    """Store the audience and start the run in one transaction; return the earlier run of the same key if there is one.

    Raises `UnreadableAudience`, also when no recipient would get the message.
    """
    with transaction.atomic():
        run = start(
            WhatsAppBroadcast,
            draft.account.business,
            created_by=created_by,
            idempotency_key=idempotency_key,
            account=draft.account,
            name=draft.name,
            template=draft.template,
            language=draft.language,
            text=draft.text,
            columns=draft.audience.columns,
        )
        if run.total is not None:
            return run
        classifier = draft.make_classifier()
        store_recipients(run, classifier.classify_batches())
        if not classifier.counts.valid:
            raise UnreadableAudience(_("Nobody in this audience can receive the message."))
        skipped = sum(classifier.counts.skipped.values())
        counted = {"total": classifier.counts.total, "processed": skipped, "skipped": skipped}
        WhatsAppBroadcast.objects.filter(pk=run.pk).update(**counted, audience=classifier.counts.as_json())
    return run
