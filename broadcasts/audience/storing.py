"""The audience in the table of recipients: stored at the start, and skipped where an opt-out comes later."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Final

from django.db import connection, models, transaction

from runs.states import ItemStatus

from ..models import OptOut, Recipient, WhatsAppBroadcast
from .classification import SKIP_REASONS, ClassifiedRow

_COLUMNS: Final = ("run_id", "key", "status", "error_code", "error_message", "attempts", "phone", "variables")


def store_recipients(run: WhatsAppBroadcast, batches: Iterable[list[ClassifiedRow]]) -> None:
    """Each batch is a COPY of its own, so that none reaches PostgreSQL's statement timeout."""
    table = connection.ops.quote_name(Recipient._meta.db_table)
    pending, skipped = ItemStatus.PENDING.value, ItemStatus.SKIPPED.value
    as_json = json.JSONEncoder(ensure_ascii=False).encode
    for batch in batches:
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY {table} ({', '.join(_COLUMNS)}) FROM STDIN") as copy,
        ):
            for each in batch:
                status = skipped if each.skip_code else pending
                reason = SKIP_REASONS[each.skip_code] if each.skip_code else ""
                variables = as_json(each.row.variables)
                copy.write_row((run.pk, each.key, status, each.skip_code, reason, 0, each.phone, variables))


def skip_opted_out(run: WhatsAppBroadcast) -> None:
    """Skip those who have opted out since the audience was stored. Safe to repeat."""
    opted_out = OptOut.objects.in_force().filter(business=run.business_id).values("phone")
    skip_recipients(Recipient.objects.filter(run=run, phone__in=opted_out), "opted_out")


def skip_recipients(recipients: models.QuerySet[Recipient], code: str) -> None:
    """Skip those that are still pending, and count them; no worker puts them in flight any more.

    Locks runs before recipients, like every transaction that needs both: in another order two would deadlock.
    """
    with transaction.atomic():
        pending = recipients.filter(status=ItemStatus.PENDING)
        runs = WhatsAppBroadcast.objects.filter(pk__in=set(pending.values_list("run_id", flat=True))).locked()
        rows = pending.filter(run__in=runs).order_by("pk").select_for_update(of=("self",), no_key=True)
        locked = list(rows.values_list("pk", "run_id"))
        Recipient.objects.filter(pk__in=[pk for pk, _run in locked]).update(
            status=ItemStatus.SKIPPED, error_code=code, error_message=SKIP_REASONS[code]
        )
        for run_id, count in Counter(run_id for _pk, run_id in locked).items():
            WhatsAppBroadcast.objects.filter(pk=run_id).update(
                processed=models.F("processed") + count,
                skipped=models.F("skipped") + count,
                version=models.F("version") + 1,
            )
