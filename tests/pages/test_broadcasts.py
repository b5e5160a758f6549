"""The page of broadcasts: what it lists, and in a real browser the preview and the start of a message."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest
from django.db import OperationalError
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from playwright.sync_api import Route, expect

from broadcasts.models import ProviderAccount, Recipient, WhatsAppBroadcast
from runs.models import Business
from runs.states import ItemStatus, Status
from tests.browser import SOON, Open
from tests.whatsapp import broadcast, create_account, number, numbers
from tests.workers import until

pytestmark = pytest.mark.django_db
PAGE = "/b/business-a/broadcasts/"


@pytest.fixture
def as_member(client: Client, member_a: object) -> Client:
    client.force_login(member_a)  # type: ignore[arg-type]
    return client


@pytest.fixture
def mixed(account_a: ProviderAccount) -> WhatsAppBroadcast:
    """One recipient who has read it, one refused, one unknown, and one who is no number."""
    run = broadcast(account_a, f"{numbers(3)}\nnobody")
    outcomes = {0: ("done", "read", ""), 1: ("failed", "", "131026"), 2: ("unknown", "", "interrupted")}
    for n, (status, delivery, code) in outcomes.items():
        rows = Recipient.objects.filter(run=run, phone=f"+{number(n)}")
        rows.update(status=status, delivery=delivery, error_code=code, error_message=f"words of {code}")
    WhatsAppBroadcast.objects.filter(pk=run.pk).update(processed=4, succeeded=1, failed=1, delivered=1, read=1)
    return run


@pytest.mark.parametrize(
    ("state", "shown"),
    [("all", {0, 1, 2}), ("read", {0}), ("sent", {0}), ("failed", {1}), ("unknown", {2}), ("x", {0, 1, 2})],
)
def test_recipients_can_be_filtered(as_member: Client, mixed: WhatsAppBroadcast, state: str, shown: set[int]) -> None:
    page = as_member.get(f"{PAGE}?run={mixed.pk}&state={state}").content.decode()
    assert {n for n in range(3) if f"+{number(n)}</bdi>" in page} == shown


def test_reasons_are_in_the_readers_language(as_member: Client, mixed: WhatsAppBroadcast) -> None:
    page = as_member.get(f"{PAGE}?state=skipped", headers={"Accept-Language": "he"}).content.decode()
    assert "זה לא מספר טלפון." in page


def test_retryable_recipients_are_counted_only_if_there_are_any(as_member: Client, mixed: WhatsAppBroadcast) -> None:
    rows = Recipient.objects.filter(run=mixed, phone=f"+{number(1)}")
    rows.update(error_code="131049", answered_at=Now())
    WhatsAppBroadcast.objects.filter(pk=mixed.pk).transition_to(Status.CANCELLED)
    page = as_member.get(f"{PAGE}?run={mixed.pk}").content.decode()
    assert "1 person can be retried later, from:" in page
    assert "can be retried now" not in page


@pytest.mark.parametrize(("status", "name"), [("queued", "Waiting"), ("cancelled", "Not sent"), ("failed", "Not sent")])
def test_who_got_no_message_doesnt_wait_once_the_broadcast_has_ended(
    as_member: Client, account_a: ProviderAccount, status: str, name: str
) -> None:
    run = broadcast(account_a, numbers(2))
    if status != "queued":
        WhatsAppBroadcast.objects.filter(pk=run.pk).transition_to(Status(status))
    page = as_member.get(f"{PAGE}?state=pending").content.decode()
    assert f'{name} <span data-count="pending">2</span>' in page
    assert page.count(">Not sent<") == (2 if name == "Not sent" else 0)  # the rows' own states


def test_counts_of_recipients_are_written_as_on_the_card(as_member: Client, mixed: WhatsAppBroadcast) -> None:
    WhatsAppBroadcast.objects.filter(pk=mixed.pk).update(total=12_345)
    assert '<span data-count="all">12,345</span>' in as_member.get(PAGE).content.decode()


@pytest.mark.needs("chromium")
@pytest.mark.django_db(transaction=True)
def test_counts_that_the_card_brings_are_written_so_too(open_page: Open, mixed: WhatsAppBroadcast) -> None:
    page = open_page(path=PAGE)
    page.route("**/found/**", lambda route: route.abort())  # the list, with the server's own counts
    rows = WhatsAppBroadcast.objects.filter(pk=mixed.pk)
    rows.update(total=12_345, version=F("version") + 1)
    expect(page.locator("[part=count]")).to_contain_text("12,345", timeout=SOON)
    expect(page.locator("[data-count=all]")).to_have_text("12,345")


def test_recipients_come_a_page_at_a_time(as_member: Client, account_a: ProviderAccount) -> None:
    broadcast(account_a, numbers(60))
    first, second = (as_member.get(f"{PAGE}found/?page={n}").content.decode() for n in (1, 2))
    assert first.count("data-item=") == 50
    assert second.count("data-item=") == 10


@pytest.mark.parametrize(
    ("run", "status"), [("0", 404), ("9" * 18, 404), ("x", 404), ("9" * 40, 404), ("²", 404), ("", 200)]
)
def test_an_unknown_broadcast_is_404(as_member: Client, mixed: WhatsAppBroadcast, run: str, status: int) -> None:
    assert as_member.get(PAGE, {"run": run}).status_code == status


def test_another_businesss_broadcast_is_not_found(as_member: Client, business_b: Business) -> None:
    theirs = broadcast(create_account(business_b), numbers(1))
    assert as_member.get(f"{PAGE}?run={theirs.pk}").status_code == 404


def test_without_an_account_it_says_who_can_add_one(as_member: Client) -> None:
    assert "Staff can add one in the admin." in as_member.get(PAGE).content.decode()


@pytest.mark.needs("chromium")
@pytest.mark.django_db(transaction=True)
def test_a_message_is_previewed_before_it_is_sent(
    open_page: Open,
    business_a: Business,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create_account(business_a, kind=ProviderAccount.Kind.OUTBOX, phone_number_id="")
    people = tmp_path / "people.csv"
    people.write_text(f"phone,name\n+{number(0)},Dana\n+{number(1)},Noa\n12,Nobody\n+{number(0)},Again\n")
    page = open_page(path=PAGE)
    page.fill("[name=name]", "Sale")
    page.fill("[name=text]", "Hello {{name}}")
    page.set_input_files("[name=file]", people)
    page.click("[data-check]")
    expect(page.locator("[data-text]")).to_have_text("Hello Dana")
    for name, count in {"valid": "2", "invalid": "1", "duplicate": "1", "opted_out": "0"}.items():
        expect(page.locator(f"[data-count={name}]")).to_have_text(count)
    page.get_by_text("Who won't get it, and why").click()
    for row, words in enumerate((["4", "12", "Not a phone number."], ["5", f"+{number(0)}", "The same number as in"])):
        for cell, text in zip(page.locator("[data-skipped-rows] tr").nth(row).locator("td").all(), words, strict=True):
            expect(cell).to_contain_text(text)
    assert not WhatsAppBroadcast.objects.exists()

    page.fill("[name=text]", "Hi {{name}}")
    expect(page.locator("[data-send]")).to_be_hidden()  # the preview is of another message
    held: list[Route] = []
    page.route("**/preview/**", lambda route: held.append(route))
    page.click("[data-check]")
    expect(page.locator("[data-check]")).to_have_attribute("aria-busy", "true")
    page.fill("[name=text]", "Hi again, {{name}}")
    held[0].continue_()
    expect(page.locator("[data-check]")).to_have_attribute("aria-busy", "false")
    expect(page.locator("[data-send]")).to_be_hidden()  # and so is one that comes late
    page.unroute("**/preview/**")
    page.fill("[name=text]", "Hi {{name}}")
    page.click("[data-check]")
    # It starts, and the answer is lost.
    monkeypatch.setattr("broadcasts.api.drafts.run_json", mock.Mock(side_effect=OperationalError("away")))
    page.click("[data-send]")
    expect(page.locator("#start-broadcast [data-start-problem]")).to_be_visible()
    assert WhatsAppBroadcast.objects.count() == 1
    monkeypatch.undo()
    with page.expect_response(re.compile("/api/whatsapp/broadcasts/")):
        page.click("[data-send]")
    expect(page.locator("run-card")).to_contain_text("No. ")
    run = WhatsAppBroadcast.objects.get()
    assert (run.text, run.audience["valid"]) == ("Hi {{name}}", 2)


@pytest.mark.needs("chromium")
@pytest.mark.django_db(transaction=True)
def test_a_phone_shows_the_whole_menu_and_why_one_failed(open_page: Open, mixed: WhatsAppBroadcast) -> None:
    rows = Recipient.objects.filter(run=mixed, phone=f"+{number(1)}")
    rows.update(error_code="131049", error_message="This message has too many parts.", answered_at=Now())
    WhatsAppBroadcast.objects.filter(pk=mixed.pk).transition_to(Status.CANCELLED)
    page = open_page(path=PAGE, language="he")
    page.set_viewport_size({"width": 320, "height": 700})
    expect(page.get_by_role("link", name="Unstuck")).to_be_visible()
    for tab in page.locator(".tabs a").all():
        expect(tab).to_be_in_viewport(ratio=1)
    page.locator("run-card summary").first.click()
    expect(page.locator("[part=items] li p")).to_have_text("בהודעה יש יותר מדי חלקים.")
    facts = page.locator("[part=items] li dl")
    expect(facts).to_contain_text(re.compile(r"מה לעשות.*\d+\.\d+\.\d{4}, \d+:\d\d"))
    assert not re.search(r"true|\d{4}-\d\d-\d\dT", facts.inner_text())


@pytest.mark.needs("chromium")
@pytest.mark.django_db(transaction=True)
def test_another_broadcast_that_ends_gets_its_duration(open_page: Open, account_a: ProviderAccount) -> None:
    rows = WhatsAppBroadcast.objects.filter(pk=broadcast(account_a, numbers(2)).pk)
    rows.transition_to(Status.RUNNING, attempt=1, heartbeat_at=Now(), started_at=Now() - timedelta(minutes=12))
    broadcast(account_a, numbers(2))  # the card shows this one
    page = open_page(path=PAGE)
    with page.expect_response(lambda response: "active=true" in response.url):
        pass
    rows.transition_to(Status.FAILED, finished_at=Now())
    expect(page.locator("#recent li").last).to_contain_text("12 minutes", timeout=SOON)


@pytest.mark.needs("chromium")
@pytest.mark.django_db(transaction=True)
def test_unknown_recipients_are_retried_only_after_a_warning(
    open_page: Open,
    account_a: ProviderAccount,
) -> None:
    run = broadcast(account_a, numbers(2))
    Recipient.objects.filter(run=run).update(status=ItemStatus.UNKNOWN)
    rows = WhatsAppBroadcast.objects.filter(pk=run.pk)
    rows.transition_to("cancelled")  # type: ignore[arg-type]
    rows.update(processed=2)
    page = open_page(path=PAGE)
    page.click("[data-retry-unknown]")
    page.click("[value=no]")
    assert WhatsAppBroadcast.objects.count() == 1
    page.click("[data-retry-unknown]")
    expect(page.locator("#retry-unknown")).to_contain_text("twice")
    held: list[Route] = []
    page.route("**/retry-unknown/**", lambda route: held.append(route))
    confirm = page.locator("[data-confirm]")
    confirm.click()
    expect(confirm).to_have_attribute("aria-busy", "true")
    confirm.dispatch_event("click")
    until(lambda: page.evaluate("1") and bool(held))
    held[0].abort()
    expect(page.locator("#retry-unknown [role=alert]")).to_be_visible()
    expect(confirm).to_have_attribute("aria-busy", "false")
    assert len(held) == 1
    page.unroute("**/retry-unknown/**")
    confirm.click()
    page.wait_for_url(f"**{PAGE}?run=*")
    again = WhatsAppBroadcast.objects.exclude(pk=run.pk).get()
    assert list(Recipient.objects.filter(run=again).values_list("phone", flat=True)) == [
        f"+{number(n)}" for n in (0, 1)
    ]
