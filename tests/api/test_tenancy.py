"""G5, isolation: a member of business A learns nothing of business B, at any URL of the project."""

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from broadcasts.models import OptOut, WhatsAppBroadcast
from receipts.models import Receipt, ReceiptSyncRun
from recordings.models import Call, RecordingRun
from runs.models import Business
from runs.states import Status
from tests.cast import MakeRun
from tests.telephony import folder_source
from tests.whatsapp import broadcast, create_account, numbers

SECRET = "zebra-of-b"
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
# Nothing there belongs to anybody, and a webhook is known by its signature.
OPEN = {"/api/auth/login/", "/api/schema/", "/api/docs/", "/api/whatsapp/webhook/"}
# Found by names of models and apps, by generic keys or not at all: the admin's own, shut to members below.
ADMIN = "/admin/"


def addresses(patterns: Any = None, prefix: str = "/") -> Iterator[tuple[str, str | None]]:
    """Every route of the project with its name; a regular expression's is cut to the text before it."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        route = getattr(entry.pattern, "_route", "")
        if isinstance(entry, URLResolver):
            yield from addresses(entry.url_patterns, prefix + route)
        else:
            assert isinstance(entry, URLPattern)
            yield prefix + route, entry.name


@pytest.fixture
def of_b(business_b: Business, make_sync_run: MakeRun) -> dict[str, Any]:
    """What fills the parameters of an address with B's things; all of it bears the secret."""
    Business.objects.filter(pk=business_b.pk).update(name=f"Business {SECRET}")
    run = make_sync_run(business_b, "failed", failed_items=1, error_code="exception", error_message=SECRET)
    run.items.update(error_message=SECRET, subject=SECRET)
    receipt = Receipt.objects.create(business=business_b, message_id="<1@b>", vendor=SECRET, subject=SECRET)
    receipt.file.save("b.pdf", ContentFile(SECRET.encode()))
    source = folder_source(business_b, Path("/nowhere"))
    listen = RecordingRun.objects.create(business=business_b, source=source, current=SECRET)
    call = Call.objects.create(business=business_b, source=source, call_id=SECRET, location=SECRET, number=SECRET)
    call.file.save("b.wav", ContentFile(SECRET.encode()))
    call.store_transcript([{"start": 0, "end": 1, "text": SECRET}], "en")
    sale = broadcast(create_account(business_b, name=SECRET), numbers(1), text=SECRET)
    sale.items.update(status="unknown", error_message=SECRET)
    type(sale).objects.filter(pk=sale.pk).transition_to(Status.CANCELLED)
    opt_out = OptOut.objects.create(business=business_b, phone="+972502000001", words=SECRET)
    return {
        "type": "receipt_sync",
        "id": run.pk,
        "pk": run.pk,
        "run_id": run.pk,
        "receipt_id": receipt.pk,
        "recording_run_id": listen.pk,
        "call_id": call.pk,
        "broadcast_id": sale.pk,
        "opt_out_id": opt_out.pk,
        "business_id": business_b.pk,
        "business": business_b.slug,
        "slug": business_b.slug,
        "page": 1,
    }


def fill_route(route: str, of_b: dict[str, Any]) -> str:
    # The longest beginning decides whose number an <id> is.
    kinds = {
        "/api/receipts/": "receipt_id",
        "/b/<slug:slug>/receipts/": "receipt_id",
        "/api/whatsapp/": "broadcast_id",
        "/api/whatsapp/opt-outs/": "opt_out_id",
        "/api/recordings/": "call_id",
        "/api/recordings/runs/": "recording_run_id",
    }
    own = [kind for start, kind in kinds.items() if route.startswith(start)]
    values = {**of_b, "id": of_b[own[-1]]} if own else of_b

    def value(match: re.Match[str]) -> str:
        assert match[1] in values, f"teach this test what <{match[1]}> of {route} is in business B"
        return str(values[match[1]])

    return PARAMETER.sub(value, route)


def project_routes() -> list[str]:
    return sorted({route for route, _name in addresses() if not route.startswith(ADMIN)})


METHODS = ["get", "post", "put", "patch", "delete", "options", "head"]
QUERIES = ["", "?business={business}", "?business={business_id}"]
BODY = {"business": "business-b", "mode": "full", "name": "x", "text": "x", "numbers": "0502000000", "confirm": True}


def all_requests() -> list[Any]:
    models = (ReceiptSyncRun, WhatsAppBroadcast, Receipt, OptOut)
    return [list(model.objects.values()) for model in models]


def response_text(response: Any) -> str:
    return (b"".join(response) if getattr(response, "streaming", False) else response.content).decode(
        "utf-8", "replace"
    )


@pytest.mark.parametrize("route", project_routes())
def test_a_member_of_a_gets_404_for_everything_of_b(
    as_member_a: APIClient, member_a: User, of_b: dict[str, Any], route: str
) -> None:
    by_session = APIClient()
    by_session.force_login(member_a)
    clients = [as_member_a, by_session] if route.startswith("/api/") else [by_session]
    before = all_requests()
    queries = QUERIES[:1] if route in OPEN else QUERIES
    for client, method, query in product(clients, METHODS, queries):
        path = fill_route(route, of_b) + query.format(**of_b)
        response = getattr(client, method)(path, BODY if method in ("post", "put", "patch") else None)
        assert SECRET not in response_text(response) + str(response.headers), (method, path)
        if method in ("get", "post") and PARAMETER.search(route) and response.status_code != 405:
            assert response.status_code == 404, (method, path)
        if route == "/logout/":  # the only one that means it
            client.force_login(member_a)
    assert all_requests() == before


def test_anonymous_requests_are_401(anonymous: APIClient, of_b: dict[str, Any]) -> None:
    routes = [route for route in project_routes() if route.startswith("/api/") and route not in OPEN]
    for route, method in product(routes, ("get", "post", "put", "delete", "options")):
        response = getattr(anonymous, method)(fill_route(route, of_b))
        assert (response.status_code, response.headers.get("WWW-Authenticate")) == (401, "Bearer"), (method, route)


def test_the_anonymous_see_nothing_elsewhere(anonymous: APIClient, of_b: dict[str, Any]) -> None:
    for route in project_routes():
        assert SECRET not in response_text(anonymous.get(fill_route(route, of_b))), route


def test_members_are_kept_out_of_the_admin(as_member_a: APIClient, member_a: User, of_b: dict[str, Any]) -> None:
    client = Client()
    client.force_login(member_a)
    for path in ("", "runs/business/", "receipts/receiptsyncrun/", f"receipts/receiptsyncrun/{of_b['id']}/change/"):
        assert client.get(ADMIN + path).status_code in (302, 404), path


def test_lists_of_a_member_contain_nothing_of_others(as_member_a: APIClient, of_b: dict[str, Any]) -> None:
    assert as_member_a.get("/api/runs/").json()["results"] == []
    assert [row["slug"] for row in as_member_a.get("/api/businesses/").json()] == ["business-a"]


def test_staff_read_no_runs_here_without_membership(as_staff: APIClient, of_b: dict[str, Any]) -> None:
    assert as_staff.get(f"/api/runs/receipt_sync/{of_b['id']}/").status_code == 404
    assert as_staff.get("/api/runs/").json()["results"] == []
