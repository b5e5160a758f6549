"""What a run has brought links to a list of just as many rows; receipts are in `tests/receipts/test_storing.py`."""

from __future__ import annotations

from pathlib import Path

from django.contrib.auth.models import User
from django.test import Client

from broadcasts.models import WhatsAppBroadcast
from recordings.models import Call, Recording, RecordingRun
from runs.models import Business, Run
from runs.pages.registry import results_url
from runs.states import ItemStatus
from tests.telephony import folder_source
from tests.whatsapp import broadcast, create_account, numbers


def test_the_recipients_that_were_accepted(business_a: Business, member_a: User, client: Client) -> None:
    sale = broadcast(create_account(business_a), numbers(5))
    pks = sale.items.values_list("pk", flat=True)[:3]
    sale.items.filter(pk__in=list(pks)).update(status=ItemStatus.DONE)
    WhatsAppBroadcast.objects.filter(pk=sale.pk).update(succeeded=3, processed=3)
    sale.refresh_from_db()
    assert sale.result_label() == "3 accepted"
    client.force_login(member_a)
    assert client.get(address(sale)).context["recipients"].paginator.count == 3


def test_the_calls_that_the_run_fetched(business_a: Business, member_a: User, client: Client, tmp_path: Path) -> None:
    source = folder_source(business_a, tmp_path)
    run = RecordingRun.objects.create(business=business_a, source=source, processed=3, succeeded=2, failed=1)
    for number, status in enumerate([ItemStatus.DONE, ItemStatus.DONE, ItemStatus.FAILED, None]):
        call = Call.objects.create(business=business_a, source=source, call_id=str(number), location="x", file="a.wav")
        if status:
            Recording.objects.create(run=run, key=str(number), call=call, status=status)
    assert run.result_label() == "2 calls"
    client.force_login(member_a)
    assert client.get(address(run)).context["count"] == 2
    assert client.get("/b/business-a/recordings/?run=0").context["count"] == 4


def address(run: Run) -> str:
    return results_url(run.business, run).replace("{id}", str(run.pk))
