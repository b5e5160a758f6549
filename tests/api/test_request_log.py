"""Which requests have a line in the log."""

import pytest
import structlog
from django.test import Client
from rest_framework.test import APIClient

from runs.models import Business
from tests.cast import MakeRun


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    lines = [record.msg for record in caplog.records if record.name == "django_structlog.middlewares.request"]
    caplog.clear()
    return [line["request"] for line in lines if isinstance(line, dict)]


def test_a_poll_that_succeeds_has_none(
    as_member_a: APIClient, business_a: Business, make_run: MakeRun, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "django_structlog")
    run = make_run(business_a)
    address = f"/api/runs/{run.slug}/{run.pk}/"
    etag = as_member_a.get(address).headers["ETag"]
    assert as_member_a.get(address, HTTP_IF_NONE_MATCH=etag).status_code == 304
    assert as_member_a.get("/healthz").status_code == 200
    assert logged(caplog) == []
    assert structlog.contextvars.get_contextvars() == {}, "the thread's next request has another caller"


def test_every_other_request_has_one(
    as_member_a: APIClient, client: Client, business_a: Business, make_run: MakeRun, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "django_structlog")
    run = make_run(business_a)
    as_member_a.post(f"/api/runs/{run.slug}/{run.pk}/cancel/")
    assert logged(caplog) == [f"POST /api/runs/{run.slug}/{run.pk}/cancel/"]
    as_member_a.get("/api/runs/?page_size=x")
    assert logged(caplog) == ["GET /api/runs/?page_size=x"]
    client.get("/login/")
    assert logged(caplog) == ["GET /login/"]
    as_member_a.get(f"/api/runs/{run.slug}/{run.pk}/items/?format=csv")  # a download: who took it?
    assert logged(caplog) == [f"GET /api/runs/{run.slug}/{run.pk}/items/?format=csv"]
