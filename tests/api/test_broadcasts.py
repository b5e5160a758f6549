"""Broadcasts over HTTP: three forms of an audience, the preview, and the start's response."""

from __future__ import annotations

import io
import tracemalloc
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from broadcasts.api.drafts import LARGE_DRAFTS
from broadcasts.audience import read_csv
from broadcasts.audience.classification import SKIP_REASONS
from broadcasts.models import OptOut, ProviderAccount, Recipient, WhatsAppBroadcast
from broadcasts.starting import Draft, preview
from runs.models import Business
from runs.states import ItemStatus, Status
from tests.cast import MakeRun
from tests.whatsapp import broadcast, number, numbers, statuses

pytestmark = pytest.mark.django_db

URL, PREVIEW = "/api/whatsapp/broadcasts/", "/api/whatsapp/broadcasts/preview/"

CSV = """\ufeffName,טלפון,order
Dana,050-2000000,17
Noa,+972502000001,18
Dana again,0502000000,19
Nobody,12,20

Yossi,00972502000002,
Ruth,972502000003,21
"""


@pytest.fixture
def body(account_a: ProviderAccount) -> dict[str, Any]:
    return {"business": "business-a", "name": "Sale", "text": "Hello {{Name}}, your order is {{order}}"}


def csv_of(text: str | bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("people.csv", text if isinstance(text, bytes) else text.encode(), "text/csv")


def post(client: APIClient, url: str, body: dict[str, Any], **more: Any) -> Any:
    return client.post(url, body, format="multipart" if "file" in body else "json", **more)


def errors(response: Any) -> list[tuple[str, str]]:
    assert response.status_code == 400, response.json()
    return [(error["attr"], error["code"]) for error in response.json()["errors"]]


def test_a_file_is_previewed_before_anything_starts(as_member_a: APIClient, body: dict[str, Any]) -> None:
    OptOut.objects.create(business=Business.objects.get(), phone="+972502000001")
    response = post(as_member_a, PREVIEW, body | {"file": csv_of(CSV)})
    assert response.status_code == 200, response.json()
    assert response.json() == {
        "counts": {
            "total": 6,
            "valid": 2,
            "invalid": 1,
            "duplicate": 1,
            "opted_out": 1,
            "incomplete": 1,
            "too_long": 0,
        },
        "to": "+972502000000",
        "text": "Hello Dana, your order is 17",
        "skipped": [
            {"line": line, "phone": phone, "code": code, "reason": SKIP_REASONS[code]}
            for line, phone, code in (
                (3, "+972502000001", "opted_out"),
                (4, "+972502000000", "duplicate"),
                (5, "12", "invalid"),
                (7, "+972502000002", "incomplete"),
            )
        ],
        "warnings": [],
    }
    assert not WhatsAppBroadcast.objects.exists()


def test_the_start_counts_who_gets_it_and_who_doesnt(
    as_member_a: APIClient, body: dict[str, Any], messages: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        response = post(as_member_a, URL, body | {"file": csv_of(CSV)})
    assert response.status_code == 202, response.json()
    run = response.json()
    assert (run["type"], run["status"], run["total"], run["processed"], run["skipped"]) == (
        "broadcast", "queued", 6, 3, 3,
    )  # fmt: skip
    assert run["details"]["audience"]["valid"] == 3
    assert messages == [("runs.work_on_queue", ["broadcasts"])]
    rows = Recipient.objects.filter(run=run["id"]).order_by("pk")
    assert list(rows.values_list("key", "status", "error_code")) == [
        ("+972502000000", "pending", ""),
        ("+972502000001", "pending", ""),
        ("+972502000000 (4)", "skipped", "duplicate"),
        ("12 (5)", "skipped", "invalid"),
        ("+972502000002 (7)", "skipped", "incomplete"),
        ("+972502000003", "pending", ""),
    ]
    assert rows[0].variables == {"Name": "Dana", "order": "17"}


@pytest.mark.parametrize("audience", [{"recipients": [{"phone": 1_701_234_567.0}]}, {"file": "phone\n1701234567.0\n"}])
def test_a_number_that_a_program_wrote_with_decimals_gets_no_digit_more(
    as_member_a: APIClient, account_a: ProviderAccount, body: dict[str, Any], audience: dict[str, Any]
) -> None:
    ProviderAccount.objects.update(country="DE")
    given = {name: csv_of(value) if name == "file" else value for name, value in audience.items()}
    assert post(as_member_a, PREVIEW, body | {"text": "Hello"} | given).json()["to"] == "+491701234567"


def test_numbers_may_be_pasted(as_member_a: APIClient, body: dict[str, Any]) -> None:
    response = post(as_member_a, URL, body | {"text": "Hello", "numbers": "050-2000000; +44 20 7946 0018\n\nx"})
    assert response.json()["details"]["audience"] == {
        "total": 3, "valid": 2, "invalid": 1, "duplicate": 0, "opted_out": 0, "incomplete": 0, "too_long": 0,
    }  # fmt: skip


def test_recipients_may_be_json(as_member_a: APIClient, body: dict[str, Any]) -> None:
    given = [{"phone": "0502000000", "Name": "Dana", "order": 17}, "0502000001", 972502000002]
    response = post(as_member_a, PREVIEW, body | {"recipients": given})
    assert response.json()["counts"] | {"total": 0} == {
        "total": 0, "valid": 1, "invalid": 0, "duplicate": 0, "opted_out": 0, "incomplete": 2, "too_long": 0,
    }  # fmt: skip
    assert response.json()["text"] == "Hello Dana, your order is 17"


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("0502000000,Dana\n0502000001,Noa\n", 2),
        ("phone;Name\n0502000000;Dana\n", 1),
        ("Phone\tName\r\n0502000000\tDana\r\n", 1),
        ("נייד,שם\n0502000000,דנה\n".encode("cp1255"), 1),
        ("phone,name\n0502000000,Dana\n".encode("utf-16"), 1),
        ('name,phone\n"Dana, and\nNoa",0502000000\n', 1),
    ],
)
def test_files_come_as_spreadsheets_write_them(
    as_member_a: APIClient, body: dict[str, Any], text: str | bytes, valid: int
) -> None:
    response = post(as_member_a, PREVIEW, body | {"text": "Hello", "file": csv_of(text)})
    assert response.json()["counts"]["valid"] == valid


@pytest.mark.parametrize(
    "text",
    ["", "\n", "a,b\nc,d\n", b"\x00\x01\x02", b"\x89PNG\r\n\x1a\n\x00", b"\xff\xfe\x00", "phone\n" + '"' * 200_000],
)
def test_other_files_are_refused_with_a_reason(as_member_a: APIClient, body: dict[str, Any], text: str | bytes) -> None:
    assert errors(post(as_member_a, URL, body | {"file": csv_of(text)})) == [("file", "unreadable")]
    assert not WhatsAppBroadcast.objects.exists()


def test_an_audience_without_recipients_starts_nothing(as_member_a: APIClient, body: dict[str, Any]) -> None:
    assert errors(post(as_member_a, URL, body | {"numbers": "1, 2"})) == [("numbers", "unreadable")]
    assert not WhatsAppBroadcast.objects.exists()
    assert not Recipient.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"numbers": ""}, ("numbers", "required")),
        ({"recipients": ["0502000000"]}, ("recipients", "required")),
        ({"numbers": None}, ("numbers", "null")),
        ({"recipients": {"phone": "1"}}, ("recipients", "invalid")),
        ({"recipients": [[]]}, ("recipients", "invalid")),
        ({"recipients": [{"name": "x"}]}, ("recipients", "invalid")),
        ({"text": ""}, ("text", "blank")),
        ({"name": ""}, ("name", "blank")),
        ({"template": "Two Words", "language": "he"}, ("template", "invalid")),
        ({"template": "sale"}, ("language", "required")),
        ({"language": "xx"}, ("language", "invalid_choice")),
        ({"language": "None"}, ("language", "invalid_choice")),
        ({"language": "UNKNOWN"}, ("language", "invalid_choice")),
        ({"account": 10**12}, ("account", "does_not_exist")),
    ],
)
def test_invalid_fields_are_named(
    as_member_a: APIClient, body: dict[str, Any], wrong: dict[str, Any], error: tuple[str, str]
) -> None:
    assert errors(post(as_member_a, URL, body | {"numbers": "0502000000"} | wrong)) == [error]


def test_another_businesss_account_doesnt_exist(
    as_member_a: APIClient, body: dict[str, Any], account_b: ProviderAccount
) -> None:
    wrong = body | {"numbers": "0502000000", "account": account_b.pk}
    assert errors(post(as_member_a, URL, wrong)) == [("account", "does_not_exist")]


def test_a_start_sent_twice_starts_once(as_member_a: APIClient, body: dict[str, Any]) -> None:
    given = body | {"text": "Hello", "recipients": ["0502000000"]}
    first, second = (post(as_member_a, URL, given, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    assert Recipient.objects.count() == 1


def test_too_large_a_json_body_is_refused(as_member_a: APIClient, body: dict[str, Any], settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert post(as_member_a, URL, body | {"recipients": ["0502000000"] * 100}).status_code == 413
    settings.WHATSAPP_MAX_RECIPIENTS = 50
    many = "phone\n" + "0502000000\n" * 51
    assert errors(post(as_member_a, URL, body | {"file": csv_of(many)})) == [("file", "unreadable")]


# Bounds, the same for a file and for JSON


def test_a_jsons_variables_are_cut_as_a_files_are(as_member_a: APIClient, body: dict[str, Any]) -> None:
    given = [{"phone": "0502000000", " a ": " " + "v" * 5000}, {"phone": "0502000001", "n" * 100: None}]
    run = post(as_member_a, URL, body | {"text": "Hello", "recipients": given}).json()
    assert list(Recipient.objects.filter(run=run["id"]).order_by("pk").values_list("variables", flat=True)) == [
        {"a": "v" * 1024},
        {"n" * 60: ""},
    ]


def test_the_columns_of_all_recipients_together_are_bounded(as_member_a: APIClient, body: dict[str, Any]) -> None:
    given = [{"phone": f"{502000000 + n}", f"column {n}": "x"} for n in range(51)]
    assert errors(post(as_member_a, PREVIEW, body | {"recipients": given})) == [("recipients", "unreadable")]
    assert post(as_member_a, PREVIEW, body | {"recipients": given[:50]}).status_code == 200


def test_a_variable_of_null_is_missing(as_member_a: APIClient, body: dict[str, Any]) -> None:
    given = [{"phone": "0502000000", "Name": None}]
    response = post(as_member_a, PREVIEW, body | {"text": "Hello {{Name}}", "recipients": given})
    assert response.json()["counts"]["incomplete"] == 1


@pytest.mark.parametrize("as_file", [False, True])
def test_a_message_over_whatsapps_limit_is_its_recipients_error(
    as_member_a: APIClient, body: dict[str, Any], as_file: bool
) -> None:
    """819 placeholders and a long value would make 164 MB of a few bytes."""
    lengths = {"0502000000": 6, "0502000001": 5, "0502000002": 200_000 if not as_file else 1024}
    given: dict[str, Any] = (
        {"file": csv_of("phone,a\n" + "".join(f"{phone},{'v' * count}\n" for phone, count in lengths.items()))}
        if as_file
        else {"recipients": [{"phone": phone, "a": "v" * count} for phone, count in lengths.items()]}
    )
    text = "{{a}}" * 819  # 5 × 819 = 4,095 characters
    response = post(as_member_a, PREVIEW, body | {"text": text} | given)
    assert response.json()["counts"] == {
        "total": 3, "valid": 1, "invalid": 0, "duplicate": 0, "opted_out": 0, "incomplete": 0, "too_long": 2,
    }  # fmt: skip
    assert (response.json()["to"], response.json()["text"]) == ("+972502000001", "v" * 4095)
    assert len(response.content) < 10_000
    if as_file:
        given["file"].seek(0)
    run = post(as_member_a, URL, body | {"text": text} | given).json()
    rows = Recipient.objects.filter(run=run["id"]).order_by("pk")
    assert list(rows.values_list("status", "error_code")) == [
        ("skipped", "too_long"), ("pending", ""), ("skipped", "too_long"),
    ]  # fmt: skip
    assert rows[0].error_message == "The message would be longer than 4,096 characters."


@pytest.mark.parametrize("blank", ["\n", " \n", ",\n"])
def test_blank_rows_count_towards_the_limit(
    as_member_a: APIClient, body: dict[str, Any], settings: Any, blank: str
) -> None:
    settings.WHATSAPP_MAX_RECIPIENTS = 50
    text = body | {"text": "Hello"}
    for count, status in ((49, 200), (50, 400)):
        rows = csv_of("phone,a\n" + blank * count + "0502000000\n")
        assert post(as_member_a, PREVIEW, text | {"file": rows}).status_code == status
    for count, status in ((49, 200), (50, 400)):
        assert post(as_member_a, PREVIEW, text | {"numbers": " ," * count + "0502000000"}).status_code == status
    for count, status in ((49, 200), (50, 400)):
        given = [""] * count + ["0502000000"]
        assert post(as_member_a, PREVIEW, text | {"recipients": given}).status_code == status


@pytest.mark.parametrize(
    "row", ["0502000000" + "," * 200_000, '0502000000,"' + "a\n" * 70_000 + '"', "0502000000" + ',"\n"' * 40_000]
)
def test_an_endless_row_is_refused_with_a_reason(as_member_a: APIClient, body: dict[str, Any], row: str) -> None:
    for text in (f"phone,a\n{row}\n", f"{row}\n"):
        response = post(as_member_a, PREVIEW, body | {"text": "Hello", "file": csv_of(text)})
        assert errors(response) == [("file", "unreadable")]


def test_a_preview_needs_no_more_memory_for_many_rows_than_for_few(
    account_a: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for each number itself, which is remembered against duplicates."""
    # The slow part.
    monkeypatch.setattr("broadcasts.audience.classification.to_e164", lambda written, country: f"+{written}")

    def peak(rows: int) -> int:
        file = io.BytesIO(b"phone,a\n" + b"".join(b"9725%08d,%s\n" % (n, b"v" * 500) for n in range(rows)))
        draft = Draft(account_a, "Sale", "Hello {{a}}", read_csv(file))
        tracemalloc.start()
        try:
            assert preview(draft)["counts"]["valid"] == rows
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(50_000) - peak(10_000) < 40_000 * 130


def test_a_third_large_draft_at_once_is_asked_to_come_again(as_member_a: APIClient, body: dict[str, Any]) -> None:
    body["text"] = "Hello"
    large, small = body | {"numbers": "1\n" * 20_000}, body | {"numbers": "0502000000"}
    with LARGE_DRAFTS, LARGE_DRAFTS:
        for url in (URL, PREVIEW):
            refused = post(as_member_a, url, large)
            assert (refused.status_code, refused.json()["errors"][0]["code"]) == (429, "busy")
            assert refused.headers["Retry-After"] == "10"
        assert post(as_member_a, PREVIEW, small).status_code == 200
    for _ in range(3):  # each gives its permit back
        assert post(as_member_a, PREVIEW, large).status_code == 200
        assert post(as_member_a, URL, large).status_code == 400


def test_the_status_is_the_runs_json(as_member_a: APIClient, account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(2))
    status = as_member_a.get(f"{URL}{run.pk}/status/").json()
    assert status["id"] == run.pk
    assert {"sent", "delivered", "read", "failed", "skipped", "unknown", "cancelled"} <= status["details"].keys()


def test_strangers_find_nothing(as_member_b: APIClient, account_a: ProviderAccount) -> None:
    run = broadcast(account_a, numbers(1))
    assert as_member_b.get(f"{URL}{run.pk}/status/").status_code == 404
    assert as_member_b.post(f"{URL}{run.pk}/retry-unknown/", {"confirm": True}).status_code == 404


@pytest.fixture
def ended(account_a: ProviderAccount, make_run: MakeRun) -> WhatsAppBroadcast:
    """Ended, with one recipient in each state."""
    outcomes = ["done", "failed", "unknown"]
    run: WhatsAppBroadcast = make_run(
        account_a.business,
        Status.COMPLETED,
        model=WhatsAppBroadcast,
        start_with={"account": account_a, "name": "Sale", "text": "Hello"},
        total=3, processed=3, succeeded=1, failed=1,
    )  # fmt: skip
    Recipient.objects.bulk_create(
        Recipient(run=run, key=f"+{number(n)}", phone=f"+{number(n)}", status=ItemStatus(outcome))
        for n, outcome in enumerate(outcomes)
    )
    return run


def test_a_retry_sends_to_failed_recipients_only_and_once(as_member_a: APIClient, ended: WhatsAppBroadcast) -> None:
    assert ended.unknown == 1
    url = f"/api/runs/broadcast/{ended.pk}/retry-failed/"
    again = as_member_a.post(url)
    assert again.status_code == 202
    rows = Recipient.objects.filter(run=again.json()["id"])
    assert [(row.phone, row.status) for row in rows] == [(f"+{number(1)}", "pending")]
    assert as_member_a.post(url).status_code == 409, "the same people would get it twice"
    assert statuses(ended) == ["done", "failed", "unknown"]


def test_unknown_recipients_are_retried_only_if_confirmed(as_member_a: APIClient, ended: WhatsAppBroadcast) -> None:
    url = f"{URL}{ended.pk}/retry-unknown/"
    assert errors(as_member_a.post(url)) == [("confirm", "required")]
    assert errors(as_member_a.post(url, {"confirm": False})) == [("confirm", "invalid")]
    again = as_member_a.post(url, {"confirm": True})
    assert again.status_code == 202, again.json()
    assert [row.phone for row in Recipient.objects.filter(run=again.json()["id"])] == [f"+{number(2)}"]
    assert as_member_a.post(url, {"confirm": True}).status_code == 409


def test_results_come_as_csv(as_member_a: APIClient, ended: WhatsAppBroadcast) -> None:
    response = as_member_a.get(f"/api/runs/broadcast/{ended.pk}/items/?format=csv")
    lines = b"".join(response).decode().splitlines()
    assert lines[0] == (
        "\ufeffid,key,status,error_code,error_message,attempts,phone,delivery,message_id"
        ",is_confirmed,is_retryable,retry_after,advice"
    )
    assert len(lines) == 4
