"""Opt-outs: nothing is sent to people who have stopped, however and in which order the events arrive."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from broadcasts.audience import UnreadableAudience
from broadcasts.messages import Message
from broadcasts.models import OptOut, ProviderAccount, Recipient, WhatsAppBroadcast
from broadcasts.providers import Accepted
from broadcasts.providers.meta import MetaCloud
from broadcasts.sending import send
from demo.fakes import graph as wire
from demo.fakes import webhooks
from demo.fakes.graph import GraphServer
from runs.lifecycle import dispatch
from runs.models import Business
from runs.models.audit import SYSTEM
from runs.progress import Effects, Progress
from runs.states import Status
from tests.actors import read_run, work_through
from tests.claims import claim_run
from tests.whatsapp import broadcast, create_account, number, numbers, phones_sent_to, post_webhook, statuses

pytestmark = pytest.mark.django_db

PERSON = f"+{number(1)}"
URL, PAGE = "/api/whatsapp/opt-outs/", "/b/business-a/broadcasts/opt-outs/"
NOW = int(time.time())
USER_ID = "IL.13491208655302741918"


def stopped() -> list[str]:
    return list(OptOut.objects.in_force().order_by("phone").values_list("phone", flat=True))


def post_preference(account: ProviderAccount, value: str, at: float = NOW) -> None:
    preference = webhooks.preference(number(1), value, at)
    post_webhook(webhooks.of_number(account, "user_preferences", user_preferences=[preference]))


def post_message(account: ProviderAccount, words: str, at: float = NOW) -> None:
    post_webhook(webhooks.of_number(account, messages=[webhooks.text(number(1), words, at)]))


# Ways to stop


@pytest.mark.parametrize(
    "message",
    [
        webhooks.text(number(1), "הסר אותי בבקשה"),
        webhooks.button(number(1), "Stop promotions"),
        webhooks.button(number(1), "לא תודה", payload="STOP"),
        webhooks.reply(number(1), "button_reply", "הפסק"),
        webhooks.reply(number(1), "list_reply", "Stop promotions"),
    ],
)
def test_messages_and_buttons_opt_out(account_a: ProviderAccount, message: dict[str, Any]) -> None:
    run = broadcast(account_a, numbers(3))
    post_webhook(webhooks.of_number(account_a, messages=[message]))
    assert stopped() == [PERSON]
    assert statuses(run) == ["pending", "skipped", "pending"]


def test_whatsapps_own_switch_opts_out_and_in(account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(3))
    post_preference(account_a, "stop", NOW - 60)
    assert (stopped(), OptOut.objects.get().source) == ([PERSON], "preferences")
    assert statuses(run) == ["pending", "skipped", "pending"]
    post_preference(account_a, "resume", NOW)
    assert stopped() == []


def test_a_preference_of_another_category_is_ignored(account_a: ProviderAccount) -> None:
    other = webhooks.preference(number(1), "stop") | {"category": "birthday_cards"}
    post_webhook(webhooks.of_number(account_a, "user_preferences", user_preferences=[other]))
    post_preference(account_a, "pause")
    assert not OptOut.objects.exists()


def test_a_status_of_a_stop_opts_out_at_once(account_a: ProviderAccount) -> None:
    sent, next_one = broadcast(account_a, numbers(2)), broadcast(account_a, numbers(3))
    recipient = Recipient.objects.get(run=sent, phone=PERSON)
    Recipient.objects.filter(pk=recipient.pk).update(status="done", delivery="accepted", message_id="wamid.1")
    WhatsAppBroadcast.objects.filter(pk=sent.pk).update(processed=1, succeeded=1)
    refused = webhooks.status("failed", "wamid.1", recipient.tracker, webhooks.error(131050))
    post_webhook(webhooks.of_number(account_a, statuses=[refused]))
    assert (stopped(), OptOut.objects.get().source) == ([PERSON], "refused")
    assert statuses(next_one) == ["pending", "skipped", "pending"]
    assert Recipient.objects.get(pk=recipient.pk).error_code == "131050"


@pytest.mark.django_db(transaction=True)
def test_a_recipient_who_answers_from_another_number_is_recognised(
    account_a: ProviderAccount, graph: GraphServer
) -> None:
    """WhatsApp writes Mexican mobile numbers with a 1 that isn't dialled; with it they aren't valid numbers."""
    graph.otherwise = wire.Answer(wa_id="5215512345678")
    work_through(broadcast(account_a, "+525512345678"), send)
    preference = webhooks.preference("5215512345678", "stop")
    post_webhook(webhooks.of_number(account_a, "user_preferences", user_preferences=[preference]))
    assert stopped() == ["+525512345678"]


# People whom Meta names by an id of its own


def without_number(part: dict[str, Any], **names: str) -> dict[str, Any]:
    """As for a person who has hidden the number."""
    return {name: value for name, value in part.items() if name not in ("from", "wa_id")} | names


def post_preference_by_id(account: ProviderAccount, value: str = "stop", at: float = NOW) -> None:
    preference = without_number(webhooks.preference(number(1), value, at), user_id=USER_ID)
    post_webhook(webhooks.of_number(account, "user_preferences", user_preferences=[preference]))


@pytest.mark.parametrize("way", ["status", "message", "preference"])
def test_an_id_is_known_after_an_update_that_names_both(account_a: ProviderAccount, way: str) -> None:
    run = broadcast(account_a, numbers(3))
    parts: dict[str, Any] = {
        "status": {
            "statuses": [webhooks.status("sent", "x") | {"recipient_id": number(1), "recipient_user_id": USER_ID}]
        },
        "message": {"messages": [webhooks.text(number(1), "hello") | {"from_user_id": USER_ID}]},
        "preference": {"user_preferences": [webhooks.preference(number(1), "resume", 1) | {"user_id": USER_ID}]},
    }[way]
    post_webhook(webhooks.of_number(account_a, **parts))
    post_webhook(
        webhooks.of_number(
            account_a, messages=[without_number(webhooks.text(number(1), "STOP", NOW - 9), from_user_id=USER_ID)]
        )
    )
    assert (stopped(), statuses(run)) == ([PERSON], ["pending", "skipped", "pending"])
    post_preference_by_id(account_a, "resume", NOW - 5)
    assert stopped() == []


def test_a_stop_by_an_unknown_id_moves_to_the_number_once_it_is_known(
    as_member_a: APIClient, account_a: ProviderAccount, business_b: Business
) -> None:
    for _ in range(2):
        post_preference_by_id(account_a)
    [row] = as_member_a.get(URL, {"business": "business-a"}).json()["results"]
    assert (row["phone"], row["user_id"], row["source"]) == ("", USER_ID, "preferences")
    run, others = broadcast(account_a, numbers(3)), broadcast(create_account(business_b), numbers(3))
    delivered = webhooks.status("delivered", "x") | {"recipient_id": number(1), "recipient_user_id": USER_ID}
    for _ in range(2):
        post_webhook(webhooks.of_number(account_a, statuses=[delivered]))
    assert (stopped(), statuses(run)[1], statuses(others)[1]) == ([PERSON], "skipped", "pending")
    assert OptOut.objects.get().source == "preferences"


def test_a_resume_by_an_unknown_id_undoes_its_stop(account_a: ProviderAccount) -> None:
    post_preference_by_id(account_a, "stop", NOW - 9)
    post_preference_by_id(account_a, "resume", NOW - 5)
    named = webhooks.text(number(1), "hello") | {"from_user_id": USER_ID}
    post_webhook(webhooks.of_number(account_a, messages=[named]))
    assert (stopped(), OptOut.objects.get().phone) == ([], PERSON)


# Numbers that WhatsApp writes differently


@pytest.mark.parametrize(
    ("wa_id", "phone"),
    [
        ("5215512345678", "+525512345678"),
        ("551187654321", "+5511987654321"),
        ("5491155551234", "+541155551234"),
        ("5491155551234", "+5491155551234"),
    ],
)
def test_a_stop_before_the_first_message_applies_to_the_audiences_number(
    account_a: ProviderAccount, wa_id: str, phone: str
) -> None:
    post_webhook(
        webhooks.of_number(account_a, "user_preferences", user_preferences=[webhooks.preference(wa_id, "stop")])
    )
    with pytest.raises(UnreadableAudience):
        broadcast(account_a, phone)


def test_a_caption_opts_out(account_a: ProviderAccount) -> None:
    picture = webhooks.text(number(1), "") | {"type": "image", "image": {"id": "1", "caption": "הסר אותי"}}
    post_webhook(webhooks.of_number(account_a, messages=[picture]))
    assert stopped() == [PERSON]


def test_a_refused_message_of_another_sender_opts_out(account_a: ProviderAccount) -> None:
    refused = webhooks.status("failed", "wamid.elsewhere", "", webhooks.error(131050)) | {"recipient_id": number(1)}
    post_webhook(webhooks.of_number(account_a, statuses=[refused]))
    assert stopped() == [PERSON]


@pytest.mark.parametrize("title", ["Cancel", "End", "ביטול"])
def test_a_button_that_cancels_something_else_is_no_opt_out(account_a: ProviderAccount, title: str) -> None:
    post_webhook(webhooks.of_number(account_a, messages=[webhooks.button(number(1), title, payload="cancel")]))
    assert not OptOut.objects.exists()


# Stops and resumes in any order


@pytest.mark.parametrize(
    ("events", "is_stopped"),
    [
        (["stop 1", "resume 2"], False),
        (["resume 2", "stop 1"], False),
        (["resume 1", "stop 2"], True),
        (["stop 2", "resume 1"], True),
        (["stop 1", "resume 2", "stop 3"], True),
        (["stop 3", "stop 1", "resume 2"], True),
        (["stop 1", "stop 3", "resume 2"], True),
        (["resume 2", "stop 2"], True),
        (["stop 2", "resume 2"], True),
        (["stop 1", "resume 2", "stop 1", "stop 1"], False),
    ],
)
def test_the_later_event_counts(account_a: ProviderAccount, events: list[str], is_stopped: bool) -> None:
    for event in events * 2:  # Meta sends each twice
        value, at = event.split()
        post_preference(account_a, value, NOW - 100 + int(at))
    assert stopped() == ([PERSON] if is_stopped else [])


def test_start_undoes_a_stop_of_the_person(account_a: ProviderAccount) -> None:
    post_message(account_a, "STOP", NOW - 9)
    post_message(account_a, "START", NOW - 5)
    assert stopped() == []


def test_start_doesnt_undo_an_opt_out_of_a_member(as_member_a: APIClient, account_a: ProviderAccount) -> None:
    as_member_a.post(URL, {"business": "business-a", "phone": PERSON})
    post_message(account_a, "START")
    assert stopped() == [PERSON]


def test_a_members_opt_out_belongs_to_the_person_once_they_confirm_it(
    as_member_a: APIClient, account_a: ProviderAccount
) -> None:
    row = as_member_a.post(URL, {"business": "business-a", "phone": PERSON}).json()
    post_message(account_a, "STOP")
    assert as_member_a.delete(f"{URL}{row['id']}/").status_code == 409
    assert stopped() == [PERSON]


# Before, during and between runs


@pytest.mark.django_db(transaction=True)
def test_a_stop_during_a_broadcast_is_respected_by_the_next_message(
    account_a: ProviderAccount, graph: GraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if pending recipients weren't skipped: the statement that puts a message in flight checks opt-outs."""
    run = broadcast(account_a, numbers(3))
    send_by_meta = MetaCloud.send

    def stopping(self: MetaCloud, message: Message) -> Accepted:
        if message.to == f"+{number(0)}":
            OptOut.objects.create(business=run.business, phone=PERSON)
        return send_by_meta(self, message)

    monkeypatch.setattr(MetaCloud, "send", stopping)
    end = work_through(run, send)
    assert phones_sent_to(graph) == [number(0), number(2)]
    assert (end.status, end.processed, end.skipped, statuses(end)[1]) == (Status.COMPLETED, 3, 1, "skipped")


@pytest.mark.django_db(transaction=True)
def test_a_repeated_begin_leaves_a_message_in_flight(account_a: ProviderAccount) -> None:
    """If the statement's answer was lost and the person stopped since: the message may have left, so it counts."""
    run = claim_run(broadcast(account_a, numbers(2)), worker="w", task_id="t")
    assert run is not None
    effects = Effects(Progress(run))
    recipients = list(Recipient.objects.filter(run=run).order_by("pk"))
    Recipient.objects.filter(pk=recipients[1].pk).update(status="in_flight")
    OptOut.objects.create(business=run.business, phone=PERSON)
    assert [item.phone for item in effects.begin(recipients)] == [f"+{number(0)}", PERSON]


@pytest.mark.django_db(transaction=True)
def test_a_refusal_for_a_stop_opts_out_at_once_and_permanently(
    account_a: ProviderAccount, as_member_a: APIClient, graph: GraphServer
) -> None:
    graph.answers[number(1)] = [wire.STOPPED_MARKETING]
    first, second = broadcast(account_a, numbers(3)), broadcast(account_a, numbers(3))
    end = work_through(first, send)
    assert (stopped(), OptOut.objects.get().source) == ([PERSON], "refused")
    assert statuses(end) == ["done", "failed", "done"]
    assert statuses(second)[1] == "skipped"
    work_through(second, send)
    refused = as_member_a.post(f"/api/runs/broadcast/{first.pk}/retry-failed/")
    assert refused.status_code == 409
    assert graph.numbers[number(1)] == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("answer", [wire.UNDELIVERABLE, wire.RESET_AFTER])
def test_a_retry_excludes_new_opt_outs(
    account_a: ProviderAccount,
    as_member_a: APIClient,
    graph: GraphServer,
    answer: wire.Answer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Progress, "wait", lambda *_: None)
    refusal = wire.error(400, 131000, "Something went wrong") if answer is wire.UNDELIVERABLE else answer
    for n in (0, 1):
        graph.answers[number(n)] = [refusal]
    end = work_through(broadcast(account_a, numbers(3)), send)
    post_message(account_a, "STOP")
    retry = {"failed": "runs/broadcast/{}/retry-failed/", "unknown": "whatsapp/broadcasts/{}/retry-unknown/"}
    address = retry[statuses(end)[1]].format(end.pk)
    again = as_member_a.post(f"/api/{address}", {"confirm": True}).json()
    assert [item.phone for item in Recipient.objects.filter(run=again["id"])] == [f"+{number(0)}"]


@pytest.mark.django_db(transaction=True)
def test_a_resumed_broadcast_excludes_new_opt_outs(account_a: ProviderAccount, graph: GraphServer) -> None:
    run = broadcast(account_a, numbers(3))
    run.cancel(SYSTEM)
    post_preference(account_a, "stop")
    dispatch.reopen(read_run(run), SYSTEM, "resumed")
    work_through(run, send)
    assert phones_sent_to(graph) == [number(0), number(2)]


# What members do


def test_members_add_list_and_lift_opt_outs(as_member_a: APIClient, account_a: ProviderAccount, member_a: User) -> None:
    run = broadcast(account_a, numbers(3))
    added = as_member_a.post(URL, {"business": "business-a", "phone": "050-2000001", "words": "by phone"})
    assert (added.status_code, added.json()["phone"], added.json()["added_by"]) == (201, PERSON, member_a.username)
    assert statuses(run)[1] == "skipped"
    assert as_member_a.post(URL, {"business": "business-a", "phone": PERSON}).status_code == 200
    [listed] = as_member_a.get(URL, {"business": "business-a"}).json()["results"]
    assert (listed["source"], listed["words"]) == ("member", "by phone")
    lifted = as_member_a.delete(f"{URL}{listed['id']}/").json()
    assert (lifted["lifted_by"], stopped()) == (member_a.username, [])
    assert as_member_a.get(URL, {"business": "business-a"}).json()["results"] == []
    assert len(as_member_a.get(URL, {"business": "business-a", "state": "lifted"}).json()["results"]) == 1
    assert as_member_a.post(URL, {"business": "business-a", "phone": PERSON}).status_code == 201
    assert OptOut.objects.count() == 1


def test_both_forms_of_an_argentine_number_are_one_person(as_member_a: APIClient, account_a: ProviderAccount) -> None:
    forms = ["+541155551234", "+5491155551234"]
    run = broadcast(account_a, "\n".join(forms))
    assert (run.audience["valid"], run.audience["duplicate"]) == (1, 1)
    for typed in reversed(forms):  # the message would go to the first
        assert as_member_a.post(URL, {"business": "business-a", "phone": typed}).status_code == 201
        assert (stopped(), statuses(run)) == (forms, ["skipped", "skipped"])
        as_member_a.delete(f"{URL}{OptOut.objects.get(phone=typed).pk}/")
        assert stopped() == []


def test_no_member_lifts_an_opt_out_of_the_person(as_member_a: APIClient, account_a: ProviderAccount) -> None:
    post_message(account_a, "הסר")
    refused = as_member_a.delete(f"{URL}{OptOut.objects.get().pk}/")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (409, "person_stopped")
    assert stopped() == [PERSON]


def test_opt_outs_are_searched_and_paged(as_member_a: APIClient, business_a: Business) -> None:
    OptOut.objects.bulk_create(OptOut(business=business_a, phone=f"+{number(n)}") for n in range(60))
    first = as_member_a.get(URL, {"business": "business-a"}).json()
    assert (len(first["results"]), first["results"][0]["phone"]) == (50, f"+{number(59)}")
    assert len(as_member_a.get(first["next"]).json()["results"]) == 10
    for written in (PERSON, "050-2000001", "50 200 0001"):
        found = as_member_a.get(URL, {"business": "business-a", "phone": written}).json()["results"]
        assert [row["phone"] for row in found] == [PERSON]


def test_the_export_has_all_rows_and_no_formulas(as_member_a: APIClient, account_a: ProviderAccount) -> None:
    OptOut.objects.create(business=account_a.business, phone=PERSON, words="=HYPERLINK(1)")
    answer = as_member_a.get(URL, {"business": "business-a", "format": "csv"})
    lines = b"".join(answer).decode().splitlines()
    assert lines[0] == "\ufeffid,phone,source,words,created_at,added_by,lifted_at,lifted_by,user_id"
    assert f"'{PERSON},member,'=HYPERLINK(1)," in lines[1]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "phone"),
        ({"phone": "12"}, "phone"),
        ({"phone": PERSON, "words": "x" * 101}, "words"),
        ({"phone": []}, "phone"),
    ],
)
def test_errors_name_the_field(as_member_a: APIClient, business_a: Business, body: dict[str, Any], field: str) -> None:
    answer = as_member_a.post(URL, {"business": "business-a", **body})
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, field)


def test_the_list_of_another_business_is_not_found(as_member_b: APIClient, account_a: ProviderAccount) -> None:
    row = OptOut.objects.create(business=account_a.business, phone=PERSON)
    assert as_member_b.get(URL, {"business": "business-a"}).status_code == 404
    assert as_member_b.post(URL, {"business": "business-a", "phone": PERSON}).status_code == 404
    assert as_member_b.delete(f"{URL}{row.pk}/").status_code == 404
    assert stopped() == [PERSON]


def test_a_stop_is_for_its_business_alone(account_a: ProviderAccount, business_b: Business) -> None:
    run = broadcast(create_account(business_b), numbers(3))
    post_message(account_a, "STOP")
    assert statuses(run) == ["pending"] * 3


def test_the_page_lists_adds_and_lifts(client: Client, member_a: User, account_a: ProviderAccount) -> None:
    client.force_login(member_a)
    post_message(account_a, "תסירו אותי מהרשימה")
    assert client.post(PAGE, {"phone": "050-2000002", "words": ""}).status_code == 302
    page = client.get(PAGE).content.decode()
    assert f"+{number(2)} gets no more broadcasts." in page
    assert "תסירו אותי מהרשימה" in page
    assert page.count("/lift/") == 1, "only what a member has added"
    assert "Not a phone number." in client.post(PAGE, {"phone": "1"}).content.decode()
    mine = OptOut.objects.get(source="member")
    assert client.post(f"{PAGE}{mine.pk}/lift/").status_code == 302
    assert f"+{number(2)} gets broadcasts again." in client.get(PAGE).content.decode()
    assert f"+{number(2)}" not in client.get(PAGE).content.decode()
    assert f"+{number(2)}" in client.get(PAGE, {"state": "lifted"}).content.decode()
    assert client.get(PAGE, {"phone": "\x00050-2000001", "page": "x"}).status_code in (200, 400)


def test_the_admin_adds_and_deletes_none(client: Client, staff: User, account_a: ProviderAccount) -> None:
    client.force_login(staff)
    row = OptOut.objects.create(business=account_a.business, phone=PERSON)
    assert client.post(f"/admin/broadcasts/optout/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    action = {"action": "take_back", "_selected_action": [row.pk]}
    assert client.post("/admin/broadcasts/optout/", action).status_code == 302
    assert (stopped(), OptOut.objects.get().lifted_by) == ([], staff)
    again = {"business": account_a.business_id, "phone": PERSON, "words": "asked by mail"}
    assert client.post("/admin/broadcasts/optout/add/", again).status_code == 302
    assert (stopped(), OptOut.objects.get().added_by) == ([PERSON], staff)
