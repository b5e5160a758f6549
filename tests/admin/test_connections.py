"""“Test connection”: staff learn at once whether an account works, by its stored secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings

from broadcasts.models import ProviderAccount
from receipts.models import Mailbox
from recordings.models import Source
from runs.admin import AccountAdmin
from runs.models import Business


def try_connection(client: Client, account: Any) -> str:
    """What the page says after it."""
    name = f"{account._meta.app_label}_{account._meta.model_name}"
    response = client.post(reverse(f"admin:{name}_test", args=[account.pk]), follow=True)
    return " ".join(str(message) for message in response.context["messages"])


@pytest.fixture
def as_staff_in_admin(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


def test_a_mail_server_that_is_away(as_staff_in_admin: Client, mailbox_a: Mailbox) -> None:
    Mailbox.objects.filter(pk=mailbox_a.pk).update(port=1)
    text = try_connection(as_staff_in_admin, mailbox_a)
    assert text.startswith("The connection doesn't work: ")
    assert "127.0.0.1" in text


def test_a_folder(as_staff_in_admin: Client, business_a: Business, tmp_path: Path, settings: Settings) -> None:
    settings.RECORDINGS_FOLDERS = [str(tmp_path)]
    source = Source.objects.create(business=business_a, name="Calls", kind=Source.Kind.FOLDER, folder=str(tmp_path))
    assert try_connection(as_staff_in_admin, source) == "The connection works."
    Source.objects.update(folder=str(tmp_path / "nowhere"))
    assert "There is no folder" in try_connection(as_staff_in_admin, source)


def test_twilio_and_whatsapp_without_credentials(as_staff_in_admin: Client, business_a: Business) -> None:
    source = Source.objects.create(business=business_a, name="Calls", kind=Source.Kind.TWILIO)
    assert "lacks its SID" in try_connection(as_staff_in_admin, source)
    outbox = ProviderAccount.objects.create(business=business_a, name="Demo", kind=ProviderAccount.Kind.OUTBOX)
    assert try_connection(as_staff_in_admin, outbox) == "The connection works."


def test_only_who_may_change_the_account_tests_it_and_only_by_a_button(
    client: Client, mailbox_a: Mailbox, staff: User
) -> None:
    url = reverse("admin:receipts_mailbox_test", args=[mailbox_a.pk])
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_mailbox"))
    client.force_login(viewer)
    assert "Test connection" not in client.get(f"/admin/receipts/mailbox/{mailbox_a.pk}/change/").content.decode()
    assert client.post(url).status_code == 403
    client.force_login(staff)
    assert client.get(url).status_code == 405
    assert "Test connection" in client.get(f"/admin/receipts/mailbox/{mailbox_a.pk}/change/").content.decode()


def test_an_account_stays_with_its_business(
    as_staff_in_admin: Client, mailbox_a: Mailbox, business_b: Business, staff: User
) -> None:
    """A run of the old business could be resumed with the secrets that the new one has typed."""
    request = RequestFactory().get("/")
    request.user = staff
    admins = [each for each in admin.site._registry.values() if isinstance(each, AccountAdmin)]
    assert {each.model for each in admins} == {Mailbox, ProviderAccount, Source}
    for each in admins:
        assert "business" in each.get_readonly_fields(request, each.model())
        assert "business" not in each.get_readonly_fields(request)
    names = ("name", "host", "port", "security", "auth", "username", "folder")
    body = {name: getattr(mailbox_a, name) for name in names}
    url = reverse("admin:receipts_mailbox_change", args=[mailbox_a.pk])
    as_staff_in_admin.post(url, {**body, "name": "Renamed", "business": business_b.pk})
    mailbox_a.refresh_from_db()
    assert (mailbox_a.name, mailbox_a.business) == ("Renamed", Business.objects.get(slug="business-a"))
