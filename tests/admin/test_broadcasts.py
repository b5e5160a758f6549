"""An account's secrets can be written and never read; sent messages are read-only."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client

from broadcasts.models import OptOut, ProviderAccount, Recipient
from runs.states import ItemStatus
from tests.whatsapp import broadcast, numbers

pytestmark = pytest.mark.django_db

LIST = "/admin/broadcasts/provideraccount/"
SECRETS = ("token", "app_secret", "verify_token")


@pytest.fixture
def account_a(account_a: ProviderAccount) -> ProviderAccount:
    """With secrets that no page would say by chance."""
    for name in SECRETS:
        setattr(account_a, name, f"hunter-2-{name}")
    account_a.save(update_fields=SECRETS)
    return account_a


@pytest.fixture
def as_staff_in_admin(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


def form(account: ProviderAccount, **changed: Any) -> dict[str, Any]:
    names = ("name", "kind", "phone_number_id", "country", "rate", "delay", "failure_rate")
    return {"business": account.business_id, **{name: getattr(account, name) for name in names}, **changed}


def test_no_secret_is_on_the_page(as_staff_in_admin: Client, account_a: ProviderAccount) -> None:
    page = as_staff_in_admin.get(f"{LIST}{account_a.pk}/change/").content.decode()
    assert page.count('type="password"') == 3
    assert "hunter-2" not in page


def test_no_secret_is_shown_to_those_who_may_only_view(client: Client, account_a: ProviderAccount) -> None:
    user = User.objects.create_user("helper", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_provideraccount"))
    client.force_login(user)
    response = client.get(f"{LIST}{account_a.pk}/change/")
    assert response.status_code == 200
    assert "hunter-2" not in response.content.decode()


def test_blank_fields_leave_the_secrets_unchanged(as_staff_in_admin: Client, account_a: ProviderAccount) -> None:
    response = as_staff_in_admin.post(f"{LIST}{account_a.pk}/change/", form(account_a, token="new", rate=12.5))
    assert response.status_code == 302, response.content.decode()
    changed = ProviderAccount.objects.get(pk=account_a.pk)
    assert (changed.token, changed.app_secret, changed.rate) == ("new", "hunter-2-app_secret", 12.5)


def test_another_number_needs_its_secrets_typed_again(as_staff_in_admin: Client, account_a: ProviderAccount) -> None:
    page = f"{LIST}{account_a.pk}/change/"
    moved = form(account_a, phone_number_id="777", token="typed", verify_token="typed")
    response = as_staff_in_admin.post(page, moved)
    assert response.content.decode().count("Type it again") == 1
    assert ProviderAccount.objects.get(pk=account_a.pk).phone_number_id == account_a.phone_number_id
    assert as_staff_in_admin.post(page, {**moved, "app_secret": "typed"}).status_code == 302


def test_an_account_that_becomes_an_outbox_loses_its_secrets(
    as_staff_in_admin: Client, account_a: ProviderAccount
) -> None:
    page = f"{LIST}{account_a.pk}/change/"
    assert as_staff_in_admin.post(page, form(account_a, kind="outbox")).status_code == 302
    changed = ProviderAccount.objects.get(pk=account_a.pk)
    assert [getattr(changed, name) or "" for name in SECRETS] == [""] * 3
    back = as_staff_in_admin.post(page, form(account_a, kind="meta"))
    assert back.content.decode().count("WhatsApp needs it.") == 3


def test_secrets_are_encrypted_at_rest(account_a: ProviderAccount) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT token, app_secret, verify_token FROM broadcasts_provideraccount")
        assert all("hunter-2" not in stored for stored in cursor.fetchone())


def test_a_new_whatsapp_account_needs_what_whatsapp_needs(
    as_staff_in_admin: Client, account_a: ProviderAccount
) -> None:
    new = form(account_a, phone_number_id="77", country="xx")
    page = as_staff_in_admin.post(f"{LIST}add/", new).content.decode()
    assert page.count("WhatsApp needs it.") == 3
    assert "Two letters, such as IL." in page
    outbox = form(account_a, kind="outbox", phone_number_id="", country="il")
    assert as_staff_in_admin.post(f"{LIST}add/", outbox).status_code == 302
    assert ProviderAccount.objects.get(kind="outbox").country == "IL"


def test_recipients_and_broadcasts_are_read_only(as_staff_in_admin: Client, account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(1))
    recipient = Recipient.objects.get()
    for page in (f"recipient/{recipient.pk}", f"whatsappbroadcast/{run.pk}"):
        assert as_staff_in_admin.get(f"/admin/broadcasts/{page}/change/").status_code == 200
        assert as_staff_in_admin.post(f"/admin/broadcasts/{page}/change/", {"status": "done"}).status_code == 403
    assert recipient.phone in as_staff_in_admin.get("/admin/broadcasts/recipient/").content.decode()
    assert as_staff_in_admin.get(f"/admin/broadcasts/recipient/?q={run.pk}").status_code == 200


def test_an_opt_out_is_stored_as_webhooks_store_it(as_staff_in_admin: Client, account_a: ProviderAccount) -> None:
    new = {"business": account_a.business_id, "phone": "+972 50-200-0000", "words": ""}
    assert as_staff_in_admin.post("/admin/broadcasts/optout/add/", new).status_code == 302
    assert OptOut.objects.get().phone == "+972502000000"


def test_staff_see_also_failed_recipients_that_are_not_retried(
    as_staff_in_admin: Client, account_a: ProviderAccount
) -> None:
    run = broadcast(account_a, numbers(1))
    Recipient.objects.filter(run=run).update(status=ItemStatus.FAILED, error_message="They opted out.")
    OptOut.objects.create(business=run.business, phone=Recipient.objects.get().phone)
    assert not run.failed_items().exists()
    assert (
        "They opted out."
        in as_staff_in_admin.get(f"/admin/broadcasts/whatsappbroadcast/{run.pk}/change/").content.decode()
    )
