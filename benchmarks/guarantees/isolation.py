"""G5: a member of one business learns nothing about runs of another: 404 at every URL, and no row refers across."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import F
from rest_framework.test import APIClient

from broadcasts.models import WhatsAppBroadcast
from receipts.models import Receipt, ReceiptSyncRun
from recordings.models import Call, Recording, RecordingRun
from runs.models import Business, Membership, Run, run_types
from runs.states import Action

from .findings import Finding
from .sandbox import rolled_back

RUNS_TRIED: Final = 10  # of each type, the newest
REFERENCES: Final[tuple[tuple[Any, str], ...]] = (
    (ReceiptSyncRun, "mailbox__business"),
    (Receipt, "mailbox__business"),
    (WhatsAppBroadcast, "account__business"),
    (RecordingRun, "source__business"),
    (Call, "source__business"),
)
STATUS_ADDRESSES: Final = {
    "broadcast": "/api/whatsapp/broadcasts/{id}/status/",
    "recording": "/api/recordings/runs/{id}/status/",
}


def check(finding: Finding) -> None:
    for model, business in REFERENCES:
        strange = model.objects.exclude(**{business: None}).exclude(business=F(business))
        _check_references(finding, model, strange)
    _check_references(
        finding, Recording, Recording.objects.exclude(call=None).exclude(run__business=F("call__business"))
    )
    with rolled_back():
        stranger = _stranger()
        for run_type in run_types():
            for run in run_type.objects.order_by("-pk")[:RUNS_TRIED]:
                _check_urls(finding, stranger, run)
        _check_list(finding, stranger)


def _check_references(finding: Finding, model: Any, strange: Any) -> None:
    finding.count("rows that refer to others", model.objects.count())
    for pk in strange.values_list("pk", flat=True):
        finding.violate(f"{model._meta.verbose_name} {pk} refers to something of another business")


def _stranger() -> APIClient:
    """A member of a business that has no runs."""
    name = f"stranger-{uuid4().hex}"
    user = User.objects.create(username=name)
    Membership.objects.create(user=user, business=Business.objects.create(slug=name, name=name))
    return client_of(user)


def client_of(user: User) -> APIClient:
    hosts = [host for host in settings.ALLOWED_HOSTS if "*" not in host]
    client = APIClient(raise_request_exception=False, SERVER_NAME=(hosts or ["localhost"])[0].lstrip("."))
    client.force_authenticate(user)
    return client


def _check_urls(finding: Finding, stranger: APIClient, run: Run) -> None:
    address = f"/api/runs/{run.slug}/{run.pk}/"
    gets = [address, f"{address}events/", f"{address}items/", f"{address}items/?format=csv"]
    if run.slug in STATUS_ADDRESSES:
        gets.append(STATUS_ADDRESSES[run.slug].format(id=run.pk))
    for method, paths in (("get", gets), ("post", [f"{address}{action}/" for action in Action])):
        for path in paths:
            answer = getattr(stranger, method)(path, secure=settings.SECURE_SSL_REDIRECT)
            finding.count("URLs that a stranger requested")
            if answer.status_code != 404:
                finding.violate(f"a stranger to {run.slug} {run.pk} got {answer.status_code} from {path}")


def _check_list(finding: Finding, stranger: APIClient) -> None:
    answer = stranger.get("/api/runs/", secure=settings.SECURE_SSL_REDIRECT)
    finding.count("URLs that a stranger requested")
    if answer.status_code != 200 or answer.json()["results"]:
        finding.violate(f"a stranger's list of runs answered {answer.status_code}: {answer.content[:200]!r}")
