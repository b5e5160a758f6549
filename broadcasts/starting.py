"""A broadcast as a person wrote it, to be previewed and started."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from runs.lifecycle import start

from .audience import Audience, AudienceClassifier, UnreadableAudience, store_recipients
from .audience.classification import SKIP_REASONS, ClassifiedRow
from .messages import render_text
from .models import ProviderAccount, WhatsAppBroadcast
from .standing import warnings_of

MAX_SKIPPED_SHOWN: Final = 100


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

    Of those who wouldn't the first `MAX_SKIPPED_SHOWN`, in the order of their lines. Raises `UnreadableAudience`.
    """
    classifier, first = draft.make_classifier(), None
    skipped: list[ClassifiedRow] = []
    for batch in classifier.classify_batches():
        first = first or next((each for each in batch if not each.skip_code), None)
        skipped += islice((each for each in batch if each.skip_code), MAX_SKIPPED_SHOWN - len(skipped))
    text = render_text(draft.text, first.row.variables if first else {}, draft.audience.columns)
    return {
        "counts": classifier.counts.as_json(),
        "to": first.phone if first else "",
        "text": text if first else draft.text,
        "skipped": [skipped_json(each) for each in skipped],
        "warnings": warnings_of(draft.account, classifier.counts.valid),
    }


def skipped_json(row: ClassifiedRow) -> dict[str, Any]:
    return {
        "line": row.row.line,
        "phone": row.phone,
        "code": row.skip_code,
        "reason": gettext(SKIP_REASONS[row.skip_code]),
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
