"""Sources of recordings are edited by staff, their secrets never shown; calls are read-only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from demo.fakes.twilio import SID, TOKEN
from recordings.models import Call, RecordingRun, Source
from runs.models import Business
from tests.telephony import folder_source, twilio_source

LIST = "/admin/recordings/source/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def as_staff_in_admin(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


def form(source: Source, **changed: Any) -> dict[str, Any]:
    names = ("name", "kind", "account_sid", "folder", "language")
    return {"business": source.business_id, **{name: getattr(source, name) for name in names}, **changed}


def test_the_token_is_on_no_page(as_staff_in_admin: Client, client: Client, business_a: Business) -> None:
    source = twilio_source(business_a)
    page = as_staff_in_admin.get(f"{LIST}{source.pk}/change/").content.decode()
    assert 'type="password"' in page
    assert TOKEN not in page
    helper = User.objects.create_user("helper", is_staff=True)
    helper.user_permissions.add(Permission.objects.get(codename="view_source"))
    client.force_login(helper)
    response = client.get(f"{LIST}{source.pk}/change/")
    assert response.status_code == 200
    assert TOKEN not in response.content.decode()


def test_a_blank_field_leaves_the_token_unchanged(as_staff_in_admin: Client, business_a: Business) -> None:
    source = twilio_source(business_a)
    as_staff_in_admin.post(f"{LIST}{source.pk}/change/", form(source, secret="", name="Renamed"))
    source = Source.objects.get(pk=source.pk)
    assert (source.name, source.secret) == ("Renamed", TOKEN)


def test_another_account_needs_its_token_typed_again(as_staff_in_admin: Client, business_a: Business) -> None:
    source = twilio_source(business_a)
    page, moved = f"{LIST}{source.pk}/change/", form(source, account_sid=f"AC{'f' * 32}", secret="")
    assert "Type it again" in as_staff_in_admin.post(page, moved).content.decode()
    assert Source.objects.get(pk=source.pk).account_sid == SID
    assert as_staff_in_admin.post(page, {**moved, "secret": "typed"}).status_code == 302
    assert Source.objects.get(pk=source.pk).secret == "typed"


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"kind": "twilio", "account_sid": SID, "secret": ""}, "needs its auth token"),
        ({"kind": "twilio", "account_sid": "", "secret": "x"}, "This kind of source needs it"),
        ({"kind": "folder", "folder": ""}, "This kind of source needs it"),
        ({"kind": "folder", "folder": "/calls", "language": "he-IL"}, "No language has this code."),
        ({"kind": "folder", "folder": "/calls", "language": "Hebrew"}, "No language has this code."),
    ],
)
def test_a_source_needs_what_its_kind_needs(
    as_staff_in_admin: Client, business_a: Business, fields: dict[str, str], complaint: str
) -> None:
    page = as_staff_in_admin.post(f"{LIST}add/", {"business": business_a.pk, "name": "New", **fields})
    assert complaint in page.content.decode()
    assert not Source.objects.exists()


def test_a_folder_needs_no_token(as_staff_in_admin: Client, business_a: Business) -> None:
    new = {"business": business_a.pk, "name": "New", "kind": "folder", "folder": "/calls", "language": "he"}
    as_staff_in_admin.post(f"{LIST}add/", new)
    assert Source.objects.get().folder == "/calls"


def test_calls_are_read_only(as_staff_in_admin: Client, business_a: Business) -> None:
    source = folder_source(business_a, Path("/nowhere"))
    call = Call.objects.create(business=business_a, source=source, call_id="1", location="secret place")
    page = as_staff_in_admin.get(f"/admin/recordings/call/{call.pk}/change/")
    assert page.status_code == 200
    assert "secret place" not in page.content.decode()
    assert 'name="_save"' not in page.content.decode()
    assert as_staff_in_admin.get("/admin/recordings/recordingrun/").status_code == 200


def test_the_warnings_of_a_run_are_shown_as_text(as_staff_in_admin: Client, business_a: Business) -> None:
    run = RecordingRun.objects.create(business=business_a, source=folder_source(business_a, Path("/nowhere")))
    run.store_left_out({"unreadable_folder": {"count": 7, "names": ["<b>lost+found", "x"]}})
    page = as_staff_in_admin.get(f"/admin/recordings/recordingrun/{run.pk}/change/").content.decode()
    assert "7 folders can&#x27;t be read: &lt;b&gt;lost+found, x, …" in page
