"""Staff with `runs.view_any_business` read a business's pages: with a banner, a log entry, and no way to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.files.base import ContentFile
from django.test import Client
from rest_framework.test import APIClient

from broadcasts.models import OptOut
from receipts.models import Receipt
from recordings.models import Call
from runs.models import Business, Membership
from runs.states import Status
from tests.cast import MakeRun, client_of
from tests.telephony import folder_source

BANNER = "You are viewing this business as staff"


@pytest.fixture
def visitor(db: None) -> User:
    user = User.objects.create_user("visitor", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_any_business"))
    return user


@pytest.fixture
def as_visitor(visitor: User) -> Client:
    client = Client()
    client.force_login(visitor)
    return client


@pytest.fixture
def run(business_a: Business, make_sync_run: MakeRun) -> Any:
    return make_sync_run(business_a, "running", total=10, processed=4, failed_items=1)


@pytest.fixture
def pages(business_a: Business, run: Any) -> dict[str, str]:
    receipt = Receipt.objects.create(business=business_a, message_id="<1@a>", vendor="Bezeq")
    OptOut.objects.create(business=business_a, phone="+972502000001")
    names: tuple[str, ...] = ("", "runs/", f"runs/receipt_sync/{run.pk}/", "receipts/", f"receipts/{receipt.pk}/")
    names = (*names, "broadcasts/", "opt-outs/", "recordings/")
    return {name: f"/b/business-a/{'broadcasts/' if name == 'opt-outs/' else ''}{name}" for name in names}


def statuses(client: Any, urls: list[str]) -> set[int]:
    responses = [client.get(url) for url in urls]
    for response in responses:
        if response.streaming:
            b"".join(response)  # to its end, so that its file is closed
    return {response.status_code for response in responses}


def test_every_page_opens_with_a_banner_and_without_forms(as_visitor: Client, pages: dict[str, str]) -> None:
    for page in pages.values():
        response = as_visitor.get(page)
        shown = response.content.decode()
        assert response.status_code == 200, page
        assert BANNER in shown, page
        for form in ("start-receipt-sync", "start-broadcast", "start-recording", "add-opt-out", 'name="action"'):
            assert form not in shown, page


def test_each_page_that_is_opened_is_recorded_but_not_what_it_loads(
    as_visitor: Client, visitor: User, business_a: Business, pages: dict[str, str]
) -> None:
    for page, loaded_by in {
        "receipts/": "document",
        "receipts/found/": "empty",
        "runs/": "document",
        "receipts/found/?page=2": "empty",
        "receipts/?page=2": "document",
        "broadcasts/found/": "empty",  # its page wasn't opened
    }.items():
        as_visitor.get(f"/b/business-a/{page}", headers={"Sec-Fetch-Dest": loaded_by})
    entries = LogEntry.objects.order_by("pk")
    assert {(entry.user, entry.object_id) for entry in entries} == {(visitor, str(business_a.pk))}
    assert [entry.change_message for entry in entries] == [
        f"Opened to read only: /b/business-a/{page}" for page in ("receipts/", "runs/", "receipts/", "broadcasts/")
    ]


def test_writes_are_answered_as_to_a_stranger(as_visitor: Client, pages: dict[str, str], run: Any) -> None:
    as_visitor.get(pages[""])
    receipt = Receipt.objects.get()
    opt_out = OptOut.objects.get()
    base, business = f"/api/runs/receipt_sync/{run.pk}", run.business_id
    for url, body in {
        pages["opt-outs/"]: {"phone": "0502345678"},
        f"{pages['opt-outs/']}{opt_out.pk}/lift/": {},
        f"/b/business-a/receipts/{receipt.pk}/": {"action": "reject"},
        f"{base}/cancel/": {},
        f"{base}/pause/": {},
        f"{base}/retry-failed/": {},
        "/api/receipts/sync/": {"business": business, "mode": "full"},
        "/api/recordings/runs/": {"business": business},
        "/api/whatsapp/broadcasts/": {"business": business, "name": "x", "text": "x", "numbers": "0502000000"},
        f"/api/receipts/{receipt.pk}/approve/": {},
        f"/api/whatsapp/opt-outs/{opt_out.pk}/": {"lifted": True},
        f"/api/admin/business/{business}/reset-progress": {"reason": "x"},
    }.items():
        is_json = url.startswith("/api/")
        response = as_visitor.post(url, body, "application/json") if is_json else as_visitor.post(url, body)
        assert response.status_code in (404, 405), url
    run.refresh_from_db()
    assert (run.status, run.requested) == (Status.RUNNING, "")
    assert list(OptOut.objects.values_list("lifted_at")) == [(None,)]


def test_the_api_answers_only_in_the_session_that_has_opened_the_page(
    as_visitor: Client, visitor: User, business_a: Business, run: Any, tmp_path: Path
) -> None:
    call = Call.objects.create(
        business=business_a, source=folder_source(business_a, tmp_path), call_id="1", location="1"
    )
    call.file.save("a.wav", ContentFile(b"RIFF"))
    urls = [
        f"/api/runs/receipt_sync/{run.pk}/",
        f"/api/runs/receipt_sync/{run.pk}/events/",
        f"/api/runs/receipt_sync/{run.pk}/items/?format=csv",
        f"/api/runs/?business={business_a.pk}&type=receipt_sync",
        f"/api/recordings/{call.pk}/media/",
    ]
    by_token = client_of(visitor)
    assert statuses(as_visitor, urls) == {404}
    as_visitor.get("/b/business-a/")
    by_token.cookies = as_visitor.cookies  # a browser would send both
    assert statuses(as_visitor, urls) == {200}
    assert statuses(by_token, urls) == {404}
    assert as_visitor.get(urls[0]).json()["actions"] == []
    assert as_visitor.get(urls[3]).json()["results"][0]["actions"] == []
    assert as_visitor.get("/api/runs/").json()["results"] == []


def test_without_the_permission_nothing_of_it_exists(
    client: Client, business_a: Business, visitor: User, as_visitor: Client, pages: dict[str, str], run: Any
) -> None:
    as_visitor.get(pages[""])
    visitor.user_permissions.clear()  # while the session remembers the visit
    helper = User.objects.create_user("helper")
    helper.user_permissions.add(Permission.objects.get(codename="view_any_business"))  # but no staff
    client.force_login(helper)
    before = LogEntry.objects.count()
    for each in (as_visitor, client):
        for page in (*pages.values(), f"/api/runs/receipt_sync/{run.pk}/", f"/api/runs/?business={business_a.pk}"):
            assert each.get(page).status_code == 404, page
    assert LogEntry.objects.count() == before


def test_a_members_own_business_is_no_visit(
    as_visitor: Client, visitor: User, business_a: Business, pages: dict[str, str], run: Any
) -> None:
    business_a.memberships.create(user=visitor)
    assert BANNER not in as_visitor.get(pages[""]).content.decode()
    assert not LogEntry.objects.exists()
    by_session = APIClient()
    by_session.force_login(visitor)
    assert by_session.get(f"/api/runs/receipt_sync/{run.pk}/").json()["actions"] == ["cancel", "pause"]


def test_a_visited_business_is_found_by_its_id_though_an_own_one_has_it_as_slug(
    as_visitor: Client, visitor: User, business_a: Business, run: Any
) -> None:
    own = Business.objects.create(name="Own", slug=str(business_a.pk))
    Membership.objects.create(user=visitor, business=own)
    as_visitor.get("/b/business-a/")
    [listed] = as_visitor.get("/api/runs/", {"business": business_a.pk}).json()["results"]
    assert (listed["id"], listed["actions"]) == (run.pk, [])
