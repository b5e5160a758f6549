"""What a run has worked on is shown in labelled values for people: no codes, raw times, seconds or bytes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from recordings.models import Call, Recording, RecordingRun
from runs.lifecycle import start
from runs.models import Business
from runs.states import ErrorCode, ItemStatus
from tests.browser import SOON, Open
from tests.telephony import NOON, twilio_source

RAW = re.compile(r"inbound|\d{4}-\d\d-\d\dT|247\.3|204800")


@pytest.fixture
def call(business_a: Business) -> Call:
    Business.objects.filter(pk=business_a.pk).update(time_zone="Asia/Jerusalem")
    source = twilio_source(business_a)
    fields = {"number": "0501234567", "direction": "inbound", "started_at": NOON, "duration": 247.3, "size": 204800}
    return Call.objects.create(business=business_a, source=source, call_id="CA77", location="x", **fields)


@pytest.fixture
def run(call: Call) -> Any:
    run = start(RecordingRun, call.business, source=call.source)
    RecordingRun.objects.filter(pk=run.pk).fail(ErrorCode.EXCEPTION, "Broken.", failed=1)
    Recording.objects.create(run=run, call=call, key="CA77", status=ItemStatus.FAILED, error_code="broken")
    return run


@pytest.mark.needs("chromium")
def test_a_failed_call_is_described_alike_in_the_card_and_on_the_page(run: Any, open_page: Open) -> None:
    with timezone.override("Asia/Jerusalem"):
        hour = timezone.localtime(NOON).hour
    page = open_page(path=f"/b/business-a/runs/recording/{run.pk}/", language="he")
    page.locator("[part=failures] summary").click(timeout=SOON)
    for place in (page.locator("[part=items] li"), page.locator("#items tbody td").first):
        expect(place).to_contain_text("0501234567")
        for words in ("כיוון", "נכנסת", "4:07", f"{hour}:"):
            expect(place).to_contain_text(words)
        assert not RAW.search(place.inner_text())


def test_staff_read_a_call_in_units(call: Call, admin_client: Client) -> None:
    for path in ("", f"{call.pk}/change/"):
        html = admin_client.get(f"/admin/recordings/call/{path}").content.decode()
        text = re.sub(r"<[^>]*>", "", html)
        assert "4:07" in text
        assert not RAW.search(text)
