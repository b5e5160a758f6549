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
from tests.fleet import announce


@pytest.fixture
def no_database(swept: None) -> Iterator[None]:
    def away(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("could not connect")

    with pytest.MonkeyPatch.context() as patch:  # undone before the database is cleaned up
        patch.setattr(BaseDatabaseWrapper, "cursor", away)
        yield


def checks(response: Any) -> dict[str, bool]:
    return {name: value for name, value in response.json().items() if isinstance(value, bool)}


@pytest.mark.usefixtures("no_database")
def test_the_process_is_alive_without_a_database(client: Client) -> None:
    assert client.get("/healthz").status_code == 200


@pytest.mark.usefixtures("swept")
def test_it_is_ready_after_a_recent_sweep(client: Client) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert checks(response) == {"ready": True, "database": True, "sweep": True}
    assert response.headers["Cache-Control"] == "no-store"


def test_before_the_first_round_it_is_not_ready(db: None, client: Client) -> None:
    response = client.get("/readyz")
    assert response.status_code == 503
    assert checks(response) == {"ready": False, "database": True, "sweep": False}


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


@pytest.mark.usefixtures("swept")
def test_it_names_the_queues_without_a_worker_and_is_ready_all_the_same(client: Client) -> None:
    announce("worker@one", "receipts", "drill", slots=4)
    announce("worker@two", "receipts")
    announce("worker@lost", "broadcasts", seconds_ago=46)
    response = client.get("/readyz")
    body = response.json()
    assert (response.status_code, body["ready"]) == (200, True)
    assert body["workers"] == {"broadcasts": 0, "control": 0, "drill": 1, "receipts": 2, "recordings": 0}
    assert body["missing"] == ["broadcasts", "control", "recordings"]


@pytest.mark.usefixtures("swept")
def test_metrics_count_workers_slots_and_claimable_runs_by_queue(
    client: Client, business_a: Business, business_b: Business, make_run: MakeRun
) -> None:
    announce("worker@one", "receipts", "drill", slots=4)
    announce("worker@two", "receipts", slots=2)
    announce("worker@lost", "broadcasts", seconds_ago=46)
    make_run(business_a, queued_at=Now() - timedelta(seconds=70))  # of the queue "drill"
    make_run(business_b, waiting_until=Now() + timedelta(hours=1), waiting_reason="a limit")
    gauges = parse_gauges(client.get("/metrics").content.decode())
    assert gauges['unstuck_workers{queue="receipts"}'] == 2
    assert gauges['unstuck_workers{queue="broadcasts"}'] == gauges['unstuck_workers{queue="control"}'] == 0
    assert gauges['unstuck_slots{queue="receipts"}'] == 6
    assert gauges['unstuck_runs_claimable{queue="drill"}'] == 1
    assert 70 <= gauges['unstuck_oldest_claimable_age_seconds{queue="drill"}'] < 130
    assert gauges['unstuck_oldest_claimable_age_seconds{queue="receipts"}'] == 0


def parse_gauges(text: str) -> dict[str, float]:
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _space, value in lines}


@pytest.mark.usefixtures("no_database")
def test_without_a_database_probes_report_it(client: Client) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json()["database"]) == (503, False)
    assert (response.json()["workers"], response.json()["missing"]) == ({}, []), "nobody knows"
    assert client.get("/metrics").status_code == 503


@pytest.mark.usefixtures("swept")
def test_metrics_count_by_type_and_status_without_names(
    client: Client, business_a: Business, business_b: Business, make_run: MakeRun
) -> None:
    make_run(business_a, "running", silent_for=40)
    make_run(business_b)
    response = client.get("/metrics")
    text = response.content.decode()
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
