"""Text that can't be stored or decoded is refused with its field's name, by the API, the pages and the admin."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.test import APIClient

from broadcasts.models import ProviderAccount, Recipient, WhatsAppBroadcast
from receipts.models import Mailbox, ReceiptSyncRun
from runs.models import Business

pytestmark = pytest.mark.django_db

SYNC = "/api/receipts/sync/"
BROADCASTS = "/api/whatsapp/broadcasts/"
PREVIEW = f"{BROADCASTS}preview/"

HALF = "\ud800"
NUL_CODE, HALF_CODE = "null_characters_not_allowed", "parse_error"


def error(response: Any) -> tuple[str | None, str]:
    assert response.status_code == 400, (response.status_code, response.content)
    body = response.json()
    assert body["type"] == "validation_error"
    (first,) = body["errors"]
    return first["attr"], first["code"]


@pytest.fixture
def as_a(member_a: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(member_a)
    return client


@pytest.fixture
def draft(account_a: ProviderAccount) -> dict[str, Any]:
    return {"business": "business-a", "name": "Sale", "text": "Hello"}


# JSON


@pytest.mark.parametrize(("character", "code"), [("\x00", NUL_CODE), (HALF, HALF_CODE), ("x\udfff", HALF_CODE)])
@pytest.mark.parametrize("field", ["business", "mode", "from_date", "unknown"])
def test_a_json_value_is_refused_by_its_name(
    as_member_a: APIClient, mailbox_a: Mailbox, field: str, character: str, code: str
) -> None:
    body = json.dumps({"business": "business-a", "mode": "full", field: character})
    assert error(as_member_a.post(SYNC, body, content_type="application/json")) == (field, code)
    assert not ReceiptSyncRun.objects.exists()


@pytest.mark.parametrize(
    ("recipients", "field"),
    [
        ([{"phone": "0502000000", "name": "\x00"}], "recipients.0.name"),
        (["0502000000", {"phone": "0502000001", "a\x00": "x"}], "recipients.1.a\ufffd"),
        (["0502000000", HALF], "recipients.1"),
        ([{"phone": "0502000000", HALF: "x"}], "recipients.0.\ufffd"),
        ({"\x00": 1}, "recipients.\ufffd"),
        ([[["\x00"]]], "recipients.0.0.0"),
    ],
)
@pytest.mark.parametrize("url", [BROADCASTS, PREVIEW])
def test_a_variable_or_its_column_is_refused_by_its_position(
    as_member_a: APIClient, draft: dict[str, Any], url: str, recipients: Any, field: str
) -> None:
    response = as_member_a.post(url, json.dumps(draft | {"recipients": recipients}), content_type="application/json")
    assert error(response)[0] == field
    assert not Recipient.objects.exists()


@pytest.mark.parametrize("body", [b'"\\u0000"', b'["\\ud800"]', b'{"\\u0000": 1}', b'{"\\uDFFF": 1}'])
def test_a_body_that_is_no_object_is_refused_too(as_member_a: APIClient, body: bytes) -> None:
    response = as_member_a.post(SYNC, body, content_type="application/json")
    assert (response.status_code, response.json()["type"]) == (400, "validation_error")


@pytest.mark.parametrize("nested", ["[" * 33 + "]" * 33, '{"a":' * 900 + "1" + "}" * 900])
@pytest.mark.parametrize("field", ["mode", "business", "mailbox"])
def test_deeply_nested_json_is_refused(as_member_a: APIClient, field: str, nested: str) -> None:
    response = as_member_a.post(SYNC, f'{{"{field}": {nested}}}', content_type="application/json")
    assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "parse_error")


def test_a_login_is_read_as_strictly(anonymous: APIClient, member_a: User) -> None:
    for field in ("username", "password"):
        body = json.dumps({"username": "member-a", "password": "x", field: f"a{HALF}"})
        response = anonymous.post("/api/auth/login/", body, content_type="application/json")
        assert error(response) == (field, HALF_CODE)


# Addresses


@pytest.mark.parametrize(
    "path",
    [
        "/api/runs/?{}", "/api/receipts/?business=business-a&{}", "/api/recordings/?business=business-a&{}",
        "/api/receipts/sync/status/?business=business-a&{}", "/api/businesses/?{}", "/api/runs/stream/?{}",
        "/api/whatsapp/webhook/?{}", "/api/schema/?{}",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("search=%00", "search"), ("unknown=a%00b", "unknown"), ("x=1&x=%00", "x"), ("%00=1", "\ufffd"),
        ("lang=%00", "lang"),
    ],
)  # fmt: skip
def test_a_query_is_refused_by_its_name(as_member_a: APIClient, path: str, query: str, field: str) -> None:
    assert error(as_member_a.get(path.format(query))) == (field, NUL_CODE)


@pytest.mark.parametrize("path", ["/api/runs/a%00/1/", "/api/runs/%00/1/cancel/", "/b/business-a/runs/%00/1/"])
def test_an_impossible_address_is_404(as_member_a: APIClient, path: str) -> None:
    for method in (as_member_a.get, as_member_a.post):
        assert method(path).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/b/business-a/?x=%00", "/b/business-a/runs/?type=%00", "/b/business-a/recordings/?search=%00",
        "/b/business-a/broadcasts/?state=%00", "/login/?next=%00",
    ],
)  # fmt: skip
def test_a_page_is_refused_with_a_reason(as_a: Client, business_a: Business, path: str) -> None:
    response = as_a.get(path)
    assert response.status_code == 400
    assert "contains a character that can't be stored" in response.content.decode()


@pytest.mark.parametrize("path", ["/login/", "/admin/login/", "/language/"])
@pytest.mark.parametrize("field", ["username", "language", "next"])
def test_a_form_is_refused_with_a_reason(client: Client, db: None, path: str, field: str) -> None:
    for body in ({field: "\x00"}, {field: ["x", "a\x00"]}):
        response = client.post(path, {"username": "x", "password": "x", **body})
        assert response.status_code == 400
        assert f"“{field}”" in response.content.decode()


# Forms of the API


@pytest.mark.parametrize("name", ["text", "numbers", "name", "unknown"])
def test_a_forms_field_is_refused_by_its_name(as_member_a: APIClient, draft: dict[str, Any], name: str) -> None:
    response = as_member_a.post(BROADCASTS, draft | {"numbers": "0502000000", name: "a\x00"}, format="multipart")
    assert error(response) == (name, NUL_CODE)


def test_a_session_is_refused_alike(draft: dict[str, Any], member_a: User) -> None:
    """There the form has been read before the view: for its token."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(member_a)
    client.get("/login/")
    client.get("/card/")
    token = client.cookies[settings.CSRF_COOKIE_NAME].value
    response = client.post(BROADCASTS, draft | {"numbers": "\x00", "csrfmiddlewaretoken": token})
    assert error(response) == ("numbers", NUL_CODE)


@pytest.mark.parametrize("name", ["\x00.csv", "a\x00.csv", "&#0;.csv"])
def test_an_unstorable_file_name_is_not_passed_on(as_member_a: APIClient, draft: dict[str, Any], name: str) -> None:
    """Django keeps its printable characters; our code never stores it."""
    file = f'Content-Disposition: form-data; name="file"; filename="{name}"'.encode()
    fields = [f'Content-Disposition: form-data; name="{key}"\r\n\r\n{value}'.encode() for key, value in draft.items()]
    parts = [*fields, file + b"\r\nContent-Type: text/csv\r\n\r\nphone\n0502000000\n"]
    body = b"".join(b"--B\r\n" + part + b"\r\n" for part in parts) + b"--B--\r\n"
    response = as_member_a.post(PREVIEW, body, content_type="multipart/form-data; boundary=B")
    assert (response.status_code, response.json()["counts"]["valid"]) == (200, 1)


def test_an_ordinary_file_is_accepted(as_member_a: APIClient, draft: dict[str, Any]) -> None:
    file = SimpleUploadedFile("אנשים.csv", b"phone\n0502000000\n")
    response = as_member_a.post(BROADCASTS, draft | {"file": file}, format="multipart")
    assert response.status_code == 202
    assert WhatsAppBroadcast.objects.count() == 1


# Headers

ENCODINGS = ["hex", "idna", "undefined", "unicode_escape", "utf-16", "utf-7", "rot13", "punycode", "x"]


@pytest.mark.parametrize("charset", ENCODINGS)
def test_a_query_is_utf_8_whatever_a_header_claims(as_member_a: APIClient, business_a: Business, charset: str) -> None:
    response = as_member_a.get(
        "/api/runs/?business=business-%61&x=\\ud800", CONTENT_TYPE=f"text/plain; charset={charset}"
    )
    assert response.status_code == 200


@pytest.mark.parametrize("charset", ENCODINGS)
def test_a_form_is_utf_8_whatever_a_header_claims(as_member_a: APIClient, draft: dict[str, Any], charset: str) -> None:
    fields = draft | {"numbers": "0502000000", "text": "שלום \\ud800"}
    parts = [f'--B\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in fields.items()]
    body = ("".join(parts) + "--B--\r\n").encode()
    response = as_member_a.post(PREVIEW, body, content_type=f"multipart/form-data; boundary=B; charset={charset}")
    assert (response.status_code, response.json()["text"]) == (200, "שלום \\ud800")


@pytest.mark.parametrize("value", ["\x00", "a\x00b"])
def test_an_idempotency_key_is_refused_by_its_name(as_member_a: APIClient, mailbox_a: Mailbox, value: str) -> None:
    body = {"business": "business-a", "mode": "full"}
    response = as_member_a.post(SYNC, body, headers={"Idempotency-Key": value})
    assert error(response) == ("Idempotency-Key", NUL_CODE)


@pytest.mark.parametrize("path", ["/", "/login/", "/admin/", "/api/runs/", "/b/business-a/"])
@pytest.mark.parametrize(
    "cookie", [settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, "messages", "django_language"]
)
def test_a_foreign_cookie_is_ignored(db: None, path: str, cookie: str) -> None:
    client = Client(raise_request_exception=False)
    client.cookies.load(f'{cookie}="\\000aaaaaaaaaaaaaaaa"')
    assert client.get(path).status_code in (200, 302, 401)


# The admin


@pytest.fixture
def as_staff(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


@pytest.mark.parametrize("chosen", ["x", "9" * 5000, "NaN", "0001-01-01", "1 OR 1=1"])
@pytest.mark.parametrize("path", ["runs/business/", "receipts/mailbox/", "broadcasts/provideraccount/"])
def test_rows_chosen_by_no_number_are_refused(as_staff: Client, path: str, chosen: str) -> None:
    response = as_staff.post(f"/admin/{path}", {"action": "delete_selected", "_selected_action": chosen, "index": 0})
    assert response.status_code == 400


@pytest.mark.parametrize("path", ["knox/authtoken/_00/change/", "knox/authtoken/a_00b/delete/"])
def test_an_id_spelt_as_the_admin_does_is_refused(as_staff: Client, path: str) -> None:
    """It reads `_00` as the character of that number, after the address was checked."""
    assert as_staff.get(f"/admin/{path}").status_code in (302, 400)


@pytest.mark.parametrize("query", ["q=%00", "business__id__exact=%00", "p=%00", "_changelist_filters=%00"])
def test_a_list_of_the_admin_is_refused_by_its_query(as_staff: Client, query: str) -> None:
    assert as_staff.get(f"/admin/receipts/mailbox/?{query}").status_code == 400


@pytest.mark.parametrize(
    "wrong", [{"minute": "-1"}, {"minute": "9" * 63}, {"timezone": "x" * 3000}, {"timezone": "../" * 2000}]
)
def test_a_schedule_that_cant_be_parsed_is_no_error_of_ours(as_staff: Client, wrong: dict[str, str]) -> None:
    schedule = dict.fromkeys(("minute", "hour", "day_of_week", "day_of_month", "month_of_year"), "*") | {
        "timezone": "UTC"
    }
    answer = as_staff.post("/admin/django_celery_beat/crontabschedule/add/", schedule | wrong)
    assert answer.status_code in (200, 400)  # 200: the form again, with its mistakes


def test_a_bug_in_the_admin_is_still_a_server_error(as_staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*args: Any) -> None:
        raise ValueError("ours")

    monkeypatch.setattr("receipts.admin.MailboxAdmin.get_queryset", bug)
    as_staff.raise_request_exception = False
    assert as_staff.get("/admin/receipts/mailbox/").status_code == 500
