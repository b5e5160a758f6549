"""The responses to operators' probes."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import pytest
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Now
from django.test import Client
from pytest_django import Settings

from runs.models import Business, Sweep
from tests.cast import MakeRun


@pytest.fixture
def no_database(swept: None) -> Iterator[None]:
    def away(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("could not connect")

    with pytest.MonkeyPatch.context() as patch:  # undone before the database is cleaned up
        patch.setattr(BaseDatabaseWrapper, "cursor", away)
        yield


@pytest.mark.usefixtures("no_database")
def test_the_process_is_alive_without_a_database(client: Client) -> None:
    assert client.get("/healthz").status_code == 200


@pytest.mark.usefixtures("swept")
def test_it_is_ready_after_a_recent_sweep(client: Client) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"ready": True, "database": True, "sweep": True})
    assert response.headers["Cache-Control"] == "no-store"


def test_before_the_first_round_it_is_not_ready(db: None, client: Client) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (503, {"ready": False, "database": True, "sweep": False})


def test_a_failing_probe_logs_one_warning_with_the_reason(
    db: None, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    client.get("/readyz")
    [record] = caplog.records
    assert record.levelname == "WARNING"
    line = cast("dict[str, object]", record.msg)
    assert (line["request"], line["code"], line["database"], line["sweep"]) == ("GET /readyz", 503, True, False)


@pytest.mark.usefixtures("swept")
def test_after_three_missed_rounds_it_is_not_ready(client: Client) -> None:
    Sweep.objects.update(finished_at=Now() - timedelta(seconds=91))
    assert client.get("/readyz").json()["sweep"] is False


@pytest.mark.usefixtures("no_database")
def test_without_a_database_probes_report_it(client: Client) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json()["database"]) == (503, False)
    assert client.get("/metrics").status_code == 503


@pytest.mark.usefixtures("swept")
def test_metrics_count_by_type_and_status_without_names(
    client: Client, business_a: Business, business_b: Business, make_run: MakeRun
) -> None:
    make_run(business_a, "running", silent_for=40)
    make_run(business_b)
    answer = client.get("/metrics")
    text = answer.content.decode()
    assert 'unstuck_runs_active{status="running",type="counting"} 1.0' in text
    assert 'unstuck_runs_active{status="queued",type="counting"} 1.0' in text
    age = next(
        line for line in text.splitlines() if line.startswith('unstuck_oldest_heartbeat_age_seconds{type="counting"')
    )
    assert 40 <= float(age.split()[-1]) < 100
    assert "\nunstuck_seconds_since_sweep " in text
    assert "usiness" not in text


@pytest.mark.usefixtures("swept")
def test_metrics_count_no_overdue_run_as_active(client: Client, business_a: Business, make_run: MakeRun) -> None:
    make_run(business_a, "running", silent_for=400)
    assert 'unstuck_runs_active{status="running",type="counting"} 0.0' in client.get("/metrics").content.decode()


# Who may read the metrics

PRIVATE = ["127.0.0.1", "10.1.2.3", "192.168.0.7", "172.16.9.9", "::1", "fd00::1", "fe80::1", "::ffff:10.0.0.1"]
PUBLIC = ["203.0.114.9", "8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "", "unix:", "not an address"]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_network_may_read_the_metrics(db: None, client: Client, address: str) -> None:
    assert client.get("/metrics", REMOTE_ADDR=address).status_code == 200
    assert client.get("/metrics", headers={"X-Forwarded-For": f"{address}, 127.0.0.1"}).status_code == 200


@pytest.mark.parametrize("address", PUBLIC)
def test_strangers_may_not_read_them_whatever_they_claim(db: None, client: Client, address: str) -> None:
    answers = [
        client.get("/metrics", REMOTE_ADDR=address),
        client.get("/metrics", REMOTE_ADDR=address, headers={"X-Forwarded-For": "127.0.0.1"}),
        client.get("/metrics", REMOTE_ADDR=address, headers={"Authorization": "Bearer "}),
    ]
    if address:  # by a proxy of ours that adds the address that it sees, or replaces the header by it
        answers += [
            client.get("/metrics", headers={"X-Forwarded-For": f"{forwarded}{address}"})
            for forwarded in ("", "10.0.0.1, ")
        ]
    for response in answers:
        assert response.status_code == 403
        assert b"unstuck" not in response.content
        assert response.headers["Cache-Control"] == "no-store"


def test_with_a_token_only_its_bearer_may(db: None, client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = "s3cret-\u05d0"
    for wrong in (
        {},
        {"Authorization": "Bearer s3cret"},
        {"Authorization": "s3cret"},
        {"Authorization": "Bearer \u05d0"},
    ):
        assert client.get("/metrics", headers=wrong).status_code == 403
    right = {"Authorization": "Bearer s3cret-\u05d0"}
    assert client.get("/metrics", REMOTE_ADDR="8.8.8.8", headers=right).status_code == 200
