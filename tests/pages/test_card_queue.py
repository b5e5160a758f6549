"""The card of a queued run: its place, what it waits for, and both as they change."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from runs.drill.models import DrillRun
from runs.lifecycle import start
from runs.lifecycle.claim import claim_next
from runs.models import Business, RunLimit
from runs.states import Status
from tests.browser import SOON, Open
from tests.fleet import announce

pytestmark = pytest.mark.needs("chromium")

QUEUE = DrillRun.queue


def test_it_shows_the_place_and_follows_it(open_page: Open, business_a: Business, business_b: Business) -> None:
    announce("worker@test", QUEUE, slots=0)
    other = start(DrillRun, business_b, steps=1)
    run = start(DrillRun, business_a, steps=1)
    page = open_page(path=f"/b/business-a/runs/{run.slug}/{run.pk}/")
    message = page.locator("[part=message]").first
    expect(message).to_have_text("Place 2 in the queue.")
    expect(page.locator("[part=age]")).to_have_text(re.compile(r"^Waiting for \d+ seconds?$"))
    DrillRun.objects.filter(pk=other.pk).transition_to(Status.CANCELLED)
    expect(message).to_have_text("It is next in the queue.", timeout=SOON)


def test_its_evidence_names_the_limit_and_no_inner_words(open_page: Open, business_a: Business) -> None:
    announce("worker@test", QUEUE)
    RunLimit.objects.create(business=business_a, max_running=1)
    start(DrillRun, business_a, steps=1)
    claim_next(QUEUE)
    run = start(DrillRun, business_a, steps=1)
    page = open_page(path=f"/b/business-a/runs/{run.slug}/{run.pk}/")
    card = page.locator("run-card").first
    expect(card.locator("[part=message]")).to_have_text("1 run of this business is running: the limit.")
    card.locator("[part=why] summary").click()
    expect(card.get_by_text("It is in the queue and starts when its turn comes.")).to_be_visible()
    expect(card.locator("[part=evidence]")).to_contain_text("1 of 1")
    expect(card.locator("[part=evidence]")).not_to_contain_text("waits_for")
