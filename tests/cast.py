"""The shared cast: two businesses that must never meet, their people, and runs in any state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db.models.functions import Now
from knox.models import AuthToken
from rest_framework.test import APIClient

from receipts.models import Mailbox, ReceiptSyncRun
from runs.lifecycle import start
from runs.lifecycle.sweep import sweep
from runs.lifecycle.worker import claim
from runs.models import Business, Membership, Run
from runs.models.audit import SYSTEM, audit_context
from runs.states import ItemStatus, Status
from tests.contract.models import CountingRun
from tests.workers import broker_of_files

PASSWORD = "demo-only"
SEND_TASK = Celery.send_task

MakeRun = Callable[..., Any]

# People


@pytest.fixture
def staff(db: None) -> User:
    return User.objects.create_superuser("staff", password=PASSWORD)


@pytest.fixture
def member_a(business_a: Business) -> User:
    return _member("member-a", business_a)


@pytest.fixture
def member_b(business_b: Business) -> User:
    return _member("member-b", business_b)


def _member(name: str, business: Business) -> User:
    user = User.objects.create_user(name, password=PASSWORD)
    Membership.objects.create(user=user, business=business)
    return user


# Businesses


@pytest.fixture
def business_a(db: None) -> Business:
    return Business.objects.create(name="Business A", slug="business-a")


@pytest.fixture
def business_b(db: None) -> Business:
    return Business.objects.create(name="Business B", slug="business-b")


@pytest.fixture
def mailbox_a(business_a: Business) -> Mailbox:
    return _mailbox(business_a)


@pytest.fixture
def mailbox_b(business_b: Business) -> Mailbox:
    return _mailbox(business_b)


def _mailbox(business: Business) -> Mailbox:
    return Mailbox.objects.create(
        business=business,
        name=f"Mailbox of {business.slug}",
        host="127.0.0.1",
        port=1143,
        security=Mailbox.Security.PLAIN,
        username=f"{business.slug}@example.com",
        secret="app password",
    )


# Clients of the API, each with a real token


@pytest.fixture
def anonymous() -> APIClient:
    return APIClient()


@pytest.fixture
def as_staff(staff: User) -> APIClient:
    return client_of(staff)


@pytest.fixture
def as_member_a(member_a: User) -> APIClient:
    return client_of(member_a)


@pytest.fixture
def as_member_b(member_b: User) -> APIClient:
    return client_of(member_b)


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {AuthToken.objects.create(user)[1]}")
    return client


# The broker


@pytest.fixture(autouse=True)
def messages(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What was published, as (task's name, arguments); nothing leaves the process."""
    sent: list[tuple[str, Any]] = []

    def note(self: Celery, name: str, args: Any = None, **options: Any) -> None:
        sent.append((name, args))

    monkeypatch.setattr(Celery, "send_task", note)
    return sent


@pytest.fixture(autouse=True)
def _no_memory() -> None:
    cache.clear()


# Runs


@pytest.fixture
def make_run(db: None) -> MakeRun:
    """`make_run(business, "running", silent_for=400, processed=3, failed_items=2)`, by the product's own functions.

    Columns beside the status are written as named: counters, errors, `requested`. The run is of the tests' own type
    unless `model` names another, and `start_with` gives the fields of that type.
    """
    return _make_run


@pytest.fixture
def make_sync_run(db: None) -> MakeRun:
    """As `make_run`, of receipts, from the business's mailbox."""

    def make(business: Business, *args: Any, start_with: dict[str, Any] | None = None, **options: Any) -> Run:
        mailbox = Mailbox.objects.filter(business=business).first() or _mailbox(business)
        fields = {"mailbox": mailbox, **(start_with or {})}
        return _make_run(business, *args, model=ReceiptSyncRun, start_with=fields, **options)

    return make


def _make_run(
    business: Business,
    status: str = Status.QUEUED,
    *,
    model: type[Run] = CountingRun,
    silent_for: float | None = None,
    failed_items: int = 0,
    created_by: User | None = None,
    idempotency_key: str = "",
    start_with: dict[str, Any] | None = None,
    **columns: Any,
) -> Run:
    run = start(model, business, created_by=created_by, idempotency_key=idempotency_key, **(start_with or {}))
    rows = model.objects.filter(pk=run.pk)
    if status != Status.QUEUED:
        claim(model, run.pk, worker="worker@test", task_id="task")
        if status != Status.RUNNING:
            finished = {} if status == Status.PAUSED else {"finished_at": Now()}
            with audit_context(SYSTEM, "made for a test"):
                rows.transition_to(Status(status), **finished)
    if silent_for is not None:
        columns["heartbeat_at"] = Now() - timedelta(seconds=silent_for)
    if failed_items:
        _fail_items(run, failed_items)
        columns.setdefault("failed", failed_items)
    if columns:
        rows.update(**columns)
    run.refresh_from_db()
    return run


def _fail_items(run: Run, count: int) -> None:
    items: Any = run.item_model()
    items._default_manager.bulk_create(
        items(run=run, key=f"1:{n}", status=ItemStatus.FAILED, error_code="broken", error_message=f"Broken {n}")
        for n in range(1, count + 1)
    )


@pytest.fixture
def swept(db: None) -> None:
    """The sweep was here a moment ago."""
    sweep()


# Processes


@pytest.fixture
def files(tmp_path: Path, messages: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A broker of files between the test and the workers that it starts; the folder of its messages."""
    monkeypatch.setattr(Celery, "send_task", SEND_TASK)  # what is published does leave the process
    with broker_of_files(tmp_path / "state") as folder:
        yield folder
