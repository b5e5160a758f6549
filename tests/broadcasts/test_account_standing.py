"""An account's standing: read from Meta's API, updated by webhooks, and shown before a broadcast starts."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from rest_framework.test import APIClient

from broadcasts.models import AccountStanding, ProviderAccount, WhatsAppBroadcast
from broadcasts.standing import check_account, check_accounts, warnings_of
from demo.fakes import graph as wire
from demo.fakes import webhooks
from demo.fakes.graph import GraphServer
from runs.models import Business
from tests.whatsapp import broadcast, create_account, numbers, post_webhook

pytestmark = pytest.mark.django_db

URL = "/api/whatsapp/accounts/"
NOW = int(time.time())
TOMORROW = NOW + 86_400


@pytest.fixture
def account_a(account_a: ProviderAccount) -> ProviderAccount:
    account_a.waba_id = webhooks.WABA
    account_a.save(update_fields=["waba_id"])
    return account_a


def standing(account: ProviderAccount) -> AccountStanding:
    return AccountStanding.objects.get(account=account)


def post_change(account: ProviderAccount, field: str, value: dict[str, Any], at: float = NOW) -> None:
    post_webhook(webhooks.of_account(account, field, value, at))


def test_a_check_stores_what_the_api_answers(account_a: ProviderAccount, graph: GraphServer) -> None:
    graph.phone_number = wire.phone_number("YELLOW", "TIER_2K")
    ProviderAccount.objects.update(waba_id="")
    assert check_accounts() == 1
    known = standing(account_a)
    assert (known.quality, known.daily_limit, known.display_number) == ("YELLOW", 2000, webhooks.DISPLAY_NUMBER)
    assert known.checked_at is not None
    assert known.can_send == "AVAILABLE"
    assert ProviderAccount.objects.get().waba_id == webhooks.WABA, "it names the account itself"


@pytest.mark.parametrize(
    "answer",
    [wire.REVOKED, wire.BAD_GATEWAY, wire.RESET_AFTER, wire.Answer(body=b"?"), wire.Answer(body=b"[]")],
)
def test_a_check_without_an_answer_changes_nothing_but_the_problem(
    account_a: ProviderAccount, graph: GraphServer, answer: wire.Answer
) -> None:
    check_account(account_a)
    graph.phone_number = answer
    assert not check_account(account_a)
    known = standing(account_a)
    assert (known.quality, known.daily_limit, bool(known.problem)) == ("GREEN", 250, True)


@pytest.mark.parametrize(
    "fields",
    [
        {"quality_rating": 7, "whatsapp_business_manager_messaging_limit": [], "health_status": "ill"},
        {"display_phone_number": None, "health_status": {"entities": [1, {"errors": {}}], "can_send_message": {}}},
        {"quality_rating": "PURPLE", "whatsapp_business_manager_messaging_limit": "TIER_NOT_SET"},
        {
            "health_status": {
                "can_send_message": "x" * 99,
                "entities": [{"errors": [{"error_description": "\x00" * 999}]}],
            }
        },
    ],
)
def test_strange_answers_are_accepted(account_a: ProviderAccount, graph: GraphServer, fields: dict[str, Any]) -> None:
    graph.phone_number = wire.phone_number(**{"quality": "GREEN", **fields})
    assert check_account(account_a)


def test_limits_come_by_webhooks_and_the_later_one_counts(account_a: ProviderAccount) -> None:
    post_change(account_a, "business_capability_update", webhooks.capability_update(10_000), NOW - 50)
    assert standing(account_a).daily_limit == 10_000
    post_change(account_a, "phone_number_quality_update", webhooks.quality_update("UPGRADE", "TIER_100K"), NOW - 10)
    post_change(account_a, "business_capability_update", webhooks.capability_update(250), NOW - 60)
    post_change(account_a, "business_capability_update", webhooks.capability_update(10_000), NOW - 50)
    assert standing(account_a).daily_limit == 100_000
    post_change(account_a, "business_capability_update", webhooks.capability_update(-1), NOW)
    assert standing(account_a).daily_limit == AccountStanding.UNLIMITED


def test_a_flagged_number_is_of_low_quality(account_a: ProviderAccount) -> None:
    AccountStanding.objects.create(account=account_a, display_number=webhooks.DISPLAY_NUMBER)
    other = create_account(account_a.business, phone_number_id="77", waba_id=webhooks.WABA)
    AccountStanding.objects.create(account=other, display_number="15550000000")
    post_change(account_a, "phone_number_quality_update", webhooks.quality_update("FLAGGED", "TIER_250"))
    assert (standing(account_a).quality, standing(other).quality) == ("RED", "UNKNOWN")
    assert "The account's quality is low" in warnings_of(account_a)[0]


@pytest.mark.parametrize(
    "expiration",
    [TOMORROW, datetime.fromtimestamp(TOMORROW, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S%z")],
    ids=["seconds", "in words"],
)
def test_restrictions_are_known_until_they_end(account_a: ProviderAccount, expiration: object) -> None:
    post_change(
        account_a, "account_update", webhooks.restriction("RESTRICTED_BIZ_INITIATED_MESSAGING", expiration), NOW - 9
    )
    [warning] = warnings_of(account_a)
    assert warning.startswith("The account can't start conversations: templates are refused. Until ")
    over = webhooks.restriction("RESTRICTED_BIZ_INITIATED_MESSAGING", NOW - 5)
    post_change(account_a, "account_update", over, NOW)
    assert warnings_of(account_a) == []


@pytest.mark.parametrize("expiration", ["9999-12-31T23:59:59+0000", 253_402_300_799])
def test_a_restriction_for_ever_has_no_end(account_a: ProviderAccount, expiration: object) -> None:
    """The year 9999 ends in UTC, and not in the time zone of the business."""
    restriction = webhooks.restriction("RESTRICTED_BIZ_INITIATED_MESSAGING", expiration)
    post_change(account_a, "account_update", restriction, NOW - 9)
    words = ["The account can't start conversations: templates are refused."]
    assert (warnings_of(account_a), warnings_of(account_with_end(account_a, "9999-12-31T23:59:59+00:00"))) == (
        words,
        words,
    )


def account_with_end(account: ProviderAccount, until: str) -> ProviderAccount:
    """As earlier versions stored it."""
    known = standing(account)
    known.restrictions[0]["until"] = until
    known.save(update_fields=["restrictions"])
    return ProviderAccount.objects.get(pk=account.pk)


def test_a_ban_and_its_end(account_a: ProviderAccount) -> None:
    post_change(account_a, "account_update", webhooks.ban("DISABLE"), NOW - 9)
    assert warnings_of(account_a) == ["Meta has disabled the account."]
    post_change(account_a, "account_update", webhooks.ban("REINSTATE"), NOW)
    post_change(account_a, "account_update", webhooks.ban("DISABLE"), NOW - 9)
    assert warnings_of(account_a) == []


def test_an_event_replaces_restrictions_of_its_own_kind_only(account_a: ProviderAccount) -> None:
    """A violation that comes with a restriction must not hide it, and isn't shown for ever."""
    post_change(account_a, "account_update", {"event": "ACCOUNT_OFFBOARDED"}, NOW - 99)
    post_change(
        account_a, "account_update", webhooks.restriction("RESTRICTED_BIZ_INITIATED_MESSAGING", TOMORROW), NOW - 9
    )
    post_change(account_a, "account_update", {"event": "ACCOUNT_VIOLATION"}, NOW - 8)
    post_change(account_a, "account_update", webhooks.ban("REINSTATE"), NOW - 7)
    post_change(account_a, "account_update", webhooks.ban("DISABLE"), NOW - 99)
    assert [words[:20] for words in warnings_of(account_a)] == [
        "The account was disc",
        "The account can't st",
        "Meta says that the a",
    ]
    post_change(account_a, "account_update", {"event": "ACCOUNT_RECONNECTED"}, NOW - 6)
    post_change(account_a, "account_update", {"event": "ACCOUNT_VIOLATION"}, NOW - 31 * 86_400)
    post_change(account_a, "account_update", webhooks.restriction("RESTRICTED_BIZ_INITIATED_MESSAGING", NOW - 5), NOW)
    assert [words[:20] for words in warnings_of(account_a)] == ["Meta says that the a"]


def test_an_old_violation_is_no_warning(account_a: ProviderAccount) -> None:
    post_change(account_a, "account_update", {"event": "ACCOUNT_VIOLATION"}, NOW - 31 * 86_400)
    assert warnings_of(account_a) == []


def test_a_limited_account_and_a_failed_check_are_shown(
    client: Client, member_a: User, account_a: ProviderAccount, graph: GraphServer
) -> None:
    health = {"can_send_message": "LIMITED", "entities": [{"errors": [{"error_description": "No display name"}]}]}
    graph.phone_number = wire.phone_number(health_status=health)
    check_account(account_a)
    assert warnings_of(account_a) == ["Meta says that this account is limited: No display name"]
    graph.phone_number = wire.REVOKED
    check_account(account_a)
    client.force_login(member_a)
    assert "Invalid OAuth access token" in client.get("/b/business-a/broadcasts/").content.decode()


def test_a_portfolios_id_may_replace_the_accounts(account_a: ProviderAccount) -> None:
    payload = webhooks.of_account(account_a, "account_update", webhooks.ban("DISABLE"))
    payload["entry"][0]["id"] = "506914307656634"
    payload["entry"][0]["changes"][0]["value"]["waba_info"] = {"waba_id": account_a.waba_id}
    post_webhook(payload)
    assert warnings_of(account_a) == ["Meta has disabled the account."]


def test_updates_of_another_account_are_ignored(account_a: ProviderAccount, business_b: Business) -> None:
    stranger = create_account(business_b, app_secret="another-secret", waba_id="999")
    payload = webhooks.of_account(account_a, "account_update", webhooks.ban("DISABLE"))
    own = webhooks.of_account(stranger, "business_capability_update", webhooks.capability_update(250))
    post_webhook({**own, "entry": own["entry"] + payload["entry"]}, "another-secret")
    assert not AccountStanding.objects.filter(account=account_a).exists()
    assert standing(stranger).daily_limit == 250


# Shown before a broadcast starts


def test_an_audience_over_the_limit_gets_a_warning_before_it_starts(
    as_member_a: APIClient, account_a: ProviderAccount
) -> None:
    AccountStanding.objects.create(account=account_a, daily_limit=250)
    earlier = broadcast(account_a, numbers(1))
    WhatsAppBroadcast.objects.filter(pk=earlier.pk).update(succeeded=248, started_at=Now())
    body = {"business": "business-a", "name": "Sale", "text": "Hello", "numbers": numbers(2)}
    words = (
        "2 recipients are more than the account can reach today. Its limit is 250 within 24 hours;"
        " 248 were already sent, and 1 are waiting in other broadcasts. WhatsApp will refuse the rest."
    )
    assert as_member_a.post("/api/whatsapp/broadcasts/preview/", body).json()["warnings"] == [words]
    answer = as_member_a.post("/api/whatsapp/broadcasts/", body)
    assert (answer.status_code, answer.json()["warnings"]) == (202, [words])
    AccountStanding.objects.update(daily_limit=AccountStanding.UNLIMITED)
    assert as_member_a.post("/api/whatsapp/broadcasts/preview/", body).json()["warnings"] == []


def test_accounts_are_listed_with_their_standing(
    as_member_a: APIClient, as_member_b: APIClient, account_a: ProviderAccount, graph: GraphServer
) -> None:
    assert as_member_a.get(URL, {"business": "business-a"}).json()[0]["standing"] is None
    check_account(account_a)
    post_change(account_a, "account_update", webhooks.restriction("RESTRICTED_BIZ_INITIATED_MESSAGING", TOMORROW))
    [listed] = as_member_a.get(URL, {"business": "business-a"}).json()
    known = listed["standing"]
    assert (known["quality"], known["daily_limit"], known["is_unlimited"]) == ("GREEN", 250, False)
    assert known["restrictions"][0]["type"] == "RESTRICTED_BIZ_INITIATED_MESSAGING"
    assert (len(listed["warnings"]), "token" in str(listed)) == (1, False)
    assert as_member_b.get(URL, {"business": "business-a"}).status_code == 404


def test_the_page_shows_the_standing(
    client: Client, member_a: User, account_a: ProviderAccount, graph: GraphServer
) -> None:
    check_account(account_a)
    post_change(account_a, "account_update", webhooks.ban("SCHEDULE_FOR_DISABLE"))
    client.force_login(member_a)
    page = client.get("/b/business-a/broadcasts/").content.decode()
    assert "<strong>High</strong>" in page
    assert "0 of 250 messages within 24 hours" in page
    assert "Meta will disable the account." in page


def test_the_admin_queues_a_check_after_a_save(
    client: Client,
    staff: User,
    account_a: ProviderAccount,
    messages: list[Any],
    django_capture_on_commit_callbacks: Any,
) -> None:
    client.force_login(staff)
    names = ("name", "kind", "phone_number_id", "waba_id", "country", "rate", "delay", "failure_rate")
    form = {"business": account_a.business_id, **{name: getattr(account_a, name) for name in names}}
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(f"/admin/broadcasts/provideraccount/{account_a.pk}/change/", form).status_code == 302
    assert [name for name, _arguments in messages] == ["broadcasts.check_account"]
    assert client.get("/admin/broadcasts/provideraccount/").status_code == 200
