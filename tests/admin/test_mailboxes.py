"""A mailbox's secret can be written and never read."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from receipts.models import Mailbox, Receipt
from runs.exceptions import RunRejected

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


def test_the_secret_is_not_shown_to_those_who_may_only_view(client: Client, mailbox_a: Mailbox) -> None:
    user = User.objects.create_user("helper", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_mailbox"))
    client.force_login(user)
    response = client.get(f"{LIST}{mailbox_a.pk}/change/")
    assert response.status_code == 200
    assert mailbox_a.secret not in response.content.decode()


def test_a_blank_field_leaves_the_secret_unchanged(as_staff_in_admin: Client, mailbox_a: Mailbox) -> None:
    as_staff_in_admin.post(f"{LIST}{mailbox_a.pk}/change/", form(mailbox_a, secret="", name="Renamed"))
    changed = Mailbox.objects.get(pk=mailbox_a.pk)
    assert (changed.name, changed.secret) == ("Renamed", mailbox_a.secret)


MOVED = {"host": "mail.example.com", "port": 993, "security": "ssl", "username": "somebody.else"}


@pytest.mark.parametrize("field", MOVED)
def test_where_the_secret_would_go_elsewhere_it_must_be_typed_again(
    client: Client, mailbox_a: Mailbox, field: str
) -> None:
    """Whoever may only change mailboxes points one to a server of their own, and reads there what it is sent."""
    helper = User.objects.create_user("helper", is_staff=True)
    helper.user_permissions.add(Permission.objects.get(codename="change_mailbox"))
    client.force_login(helper)
    if field == "host":
        Mailbox.objects.filter(pk=mailbox_a.pk).update(security="ssl")
        mailbox_a.refresh_from_db()
    page = f"{LIST}{mailbox_a.pk}/change/"
    response = client.post(page, form(mailbox_a, **{"secret": "", field: MOVED[field]}))
    assert response.status_code == 200
    assert "Type it again" in response.content.decode()
    unchanged = Mailbox.objects.get(pk=mailbox_a.pk)
    assert (getattr(unchanged, field), unchanged.secret) == (getattr(mailbox_a, field), mailbox_a.secret)
    assert client.post(page, form(mailbox_a, **{"secret": "typed-again", field: MOVED[field]})).status_code == 302
    moved = Mailbox.objects.get(pk=mailbox_a.pk)
    assert (getattr(moved, field), moved.secret) == (MOVED[field], "typed-again")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_a_server_on_this_machine_may_do_without_encryption(
    as_staff_in_admin: Client, mailbox_a: Mailbox, host: str
) -> None:
    changes = form(mailbox_a, host=host, secret="typed-again", security="plain")
    assert as_staff_in_admin.post(f"{LIST}{mailbox_a.pk}/change/", changes).status_code == 302


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "mail.example.com", "localhost.example.com"])
def test_another_server_may_not(as_staff_in_admin: Client, mailbox_a: Mailbox, host: str) -> None:
    changes = form(mailbox_a, host=host, secret="typed-again", security="plain")
    answer = as_staff_in_admin.post(f"{LIST}{mailbox_a.pk}/change/", changes)
    assert "only a server on this machine" in answer.content.decode()
    assert Mailbox.objects.get(pk=mailbox_a.pk).host == mailbox_a.host


def test_an_existing_mailbox_without_encryption_is_not_opened(mailbox_a: Mailbox) -> None:
    mailbox_a.host = "192.0.2.1"
    with pytest.raises(RunRejected, match=r"192\.0\.2\.1 is another machine"):
        mailbox_a.build_imap_account()


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
