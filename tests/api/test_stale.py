"""Without a sweep, every endpoint repairs overdue runs before it shows them."""

import pytest
from rest_framework.test import APIClient

from runs.models import Business
from tests.cast import MakeRun

READERS = [
    "/api/runs/",
    "/api/runs/?active=true",
    "/api/runs/?status=failed&business=business-a",
    "/api/runs/counting/{id}/",
    "/api/runs/counting/{id}/events/",
    "/api/runs/counting/{id}/items/",
    "/metrics",
]


@pytest.mark.parametrize("path", READERS)
@pytest.mark.usefixtures("stopped_clock")
def test_no_reader_shows_an_overdue_run_as_active(
    as_member_a: APIClient, business_a: Business, make_run: MakeRun, path: str
) -> None:
    run = make_run(business_a, "running", silent_for=301)
    response = as_member_a.get(path.format(id=run.pk))
    assert response.status_code == 200
    assert '"status":"running"' not in response.content.decode().replace('"claimed"', "").split('"actor"')[0]
    run.refresh_from_db()
    assert (run.status, run.error_code) == ("failed", "stale")
    assert run.error_message == "Run marked as failed due to no heartbeat for 301s"


@pytest.mark.parametrize("path", READERS)
@pytest.mark.usefixtures("stopped_clock")
def test_a_run_with_a_heartbeat_is_left_alone(
    as_member_a: APIClient, business_a: Business, make_run: MakeRun, path: str
) -> None:
    run = make_run(business_a, "running", silent_for=290)
    as_member_a.get(path.format(id=run.pk))
    run.refresh_from_db()
    assert run.status == "running"
