"""A mailbox's secret goes in and never comes out."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from receipts.models import Mailbox, Receipt

LIST = "/admin/receipts/mailbox/"


def form(mailbox: Mailbox, **changed: Any) -> dict[str, Any]:
    names = ("name", "host", "port", "security", "auth", "username", "folder")
    return {"business": mailbox.business_id, **{name: getattr(mailbox, name) for name in names}, **changed}


@pytest.fixture
def mailbox_a(mailbox_a: Mailbox) -> Mailbox:
    """With a secret that no page would say by chance."""
    mailbox_a.secret = "hunter-2-hunter-2"
    mailbox_a.save(update_fields=["secret"])
    return mailbox_a


@pytest.fixture
def as_staff_in_admin(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


def test_the_secret_is_not_on_the_page(as_staff_in_admin: Client, mailbox_a: Mailbox) -> None:
    page = as_staff_in_admin.get(f"{LIST}{mailbox_a.pk}/change/").content.decode()
    assert 'type="password"' in page
    assert mailbox_a.secret not in page


def test_the_secret_is_not_shown_to_those_who_may_only_look(client: Client, mailbox_a: Mailbox) -> None:
    user = User.objects.create_user("helper", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_mailbox"))
    client.force_login(user)
    response = client.get(f"{LIST}{mailbox_a.pk}/change/")
    assert response.status_code == 200
    assert mailbox_a.secret not in response.content.decode()


def test_a_blank_secret_keeps_the_present_one(as_staff_in_admin: Client, mailbox_a: Mailbox) -> None:
    as_staff_in_admin.post(f"{LIST}{mailbox_a.pk}/change/", form(mailbox_a, secret="", name="Renamed"))
    changed = Mailbox.objects.get(pk=mailbox_a.pk)
    assert (changed.name, changed.secret) == ("Renamed", mailbox_a.secret)


def test_a_new_secret_replaces_it_to_the_letter(as_staff_in_admin: Client, mailbox_a: Mailbox) -> None:
    as_staff_in_admin.post(f"{LIST}{mailbox_a.pk}/change/", form(mailbox_a, secret=" new one "))
    assert Mailbox.objects.get(pk=mailbox_a.pk).secret == " new one "


def test_a_wrong_form_doesnt_send_the_secret_back(as_staff_in_admin: Client, mailbox_a: Mailbox) -> None:
    response = as_staff_in_admin.post(f"{LIST}{mailbox_a.pk}/change/", form(mailbox_a, secret="typed-now", port="x"))
    assert response.status_code == 200
    assert "typed-now" not in response.content.decode()


def test_a_new_mailbox_needs_a_secret(as_staff_in_admin: Client, mailbox_a: Mailbox) -> None:
    response = as_staff_in_admin.post(f"{LIST}add/", form(mailbox_a))
    assert "A new mailbox needs its password or token." in response.content.decode()
    assert Mailbox.objects.count() == 1


def test_receipts_are_read_only(as_staff_in_admin: Client, mailbox_a: Mailbox) -> None:
    receipt = Receipt.objects.create(business=mailbox_a.business, message_id="<1@x>", vendor="Bezeq", file="a/b.pdf")
    page = "/admin/receipts/receipt/"
    assert "Bezeq" in as_staff_in_admin.get(page).content.decode()
    assert "b.pdf" not in as_staff_in_admin.get(f"{page}{receipt.pk}/change/").content.decode()
    assert as_staff_in_admin.get(f"{page}add/").status_code == 403
    assert as_staff_in_admin.post(f"{page}{receipt.pk}/change/", {"vendor": "x"}).status_code == 403
