"""The operator's home: what is in trouble, whose, and what to press, for staff who may view operations."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from knox.models import AuthToken
from rest_framework.test import APIClient

from runs.admin.run_search import ANY_ACTIVE
from runs.api.now_events import NowEvents
from runs.api.now_figures import build_figures, count_runs, read_standing
from runs.api.now_rows import NowEdition
from runs.api.subscribers import Access, Edition, Subscriber, expired_subscribers
from runs.lifecycle import broker_calls
from runs.models import Business, Worker
from runs.readers.now import fetch_now
from runs.readers.trouble import Trouble
from runs.readers.verdict import VerdictCode, verdict_code
from runs.states import ErrorCode, Status
from tests.cast import MakeRun, client_of
from tests.contract.models import CountingRun

HOME = "/admin/"


@pytest.fixture
def operator(db: None) -> User:
    """Staff who may look, and change nothing."""
    user = User.objects.create_user("operator", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_operations"))
    return user


@pytest.fixture
def in_every_trouble(make_run: MakeRun) -> dict[str, Any]:
    """A run of each verdict that the table shows, by it; each of a business of its own."""

    def make(code: str, status: str, **columns: Any) -> Any:
        return make_run(Business.objects.create(name=code, slug=code.replace("_", "-")), status, **columns)

    def ago(seconds: float) -> Any:
        return Now() - timedelta(seconds=seconds)

    later = ago(-3600)
    return {
        "working": make("working", "running", progress_at=Now()),
        "stale": make("stale", "running", silent_for=400),
        "paused": make("paused", "paused"),
        "not_advancing": make("not_advancing", "running", silent_for=1, progress_at=ago(130)),
        "waiting": make("waiting", "running", silent_for=70, waiting_until=later, waiting_reason="a limit"),
        "quiet": make("quiet", "running", silent_for=70),
        "waiting_for_worker": make("waiting_for_worker", "queued", queued_at=ago(200)),
        "failed": make("failed", "failed", error_code=ErrorCode.EXCEPTION),
        "silent": make("silent", "running", silent_for=70, silent_until=later),
        "unknown": make("unknown", "failed", processed=9, succeeded=5, failed=1, finished_at=ago(7200)),
        "reset": make("reset", "failed", error_code=ErrorCode.RESET),
        "completed": make("completed", "completed"),
    }


def test_the_most_troubled_come_first(in_every_trouble: dict[str, Any]) -> None:
    found = fetch_now()
    assert [verdict_code(run) for run in found] == [
        VerdictCode.STALE,
        VerdictCode.QUIET,
        VerdictCode.NOT_ADVANCING,
        VerdictCode.FAILED,
        VerdictCode.WAITING_FOR_WORKER,
        VerdictCode.WAITING,
        VerdictCode.WORKING,
        VerdictCode.WORKING,
        VerdictCode.PAUSED,
    ]
    again = fetch_now()
    assert [run.pk for run in again] == [run.pk for run in found], "what was expired just now stays where it was"


def test_the_figures_count_what_the_verdicts_say(in_every_trouble: dict[str, Any]) -> None:
    counts = count_runs()
    verdicts = [verdict_code(run) for run in fetch_now()]
    for code in (VerdictCode.QUIET, VerdictCode.NOT_ADVANCING):
        assert counts.sum(code) == verdicts.count(code) == 1
    assert {name: counts.sum(name) for name in ("active", "queued", "stale", "failed_otherwise", "unknown")} == {
        "active": 7,
        "queued": 1,
        "stale": 1,
        "failed_otherwise": 2,  # in 24 hours; one that staff have reset is no trouble
        "unknown": 3,
    }
    assert 200 <= counts.oldest_wait < 300


def test_the_figures_tell_which_part_is_away(
    db: None, business_a: Business, monkeypatch: pytest.MonkeyPatch, swept: None
) -> None:
    Worker.objects.announce(name="w", boot="b", queues=["drill", "control"], slots=2)
    figures = {figure.name: figure for figure in build_figures(read_standing())}
    assert (figures["sweep"].tone, figures["broker"].tone, figures["database"].tone) == ("good", "good", "good")
    assert (figures["workers"].value, figures["workers"].tone) == ("1", "bad"), "no worker serves the other queues"
    assert "receipts 0" in figures["workers"].note
    monkeypatch.setattr(broker_calls, "hanging_calls", [_Hanging()])
    figures = {figure.name: figure for figure in build_figures(read_standing())}
    assert (figures["broker"].value, figures["broker"].tone) == ("Away", "bad")


class _Hanging:
    def is_alive(self) -> bool:
        return True


def test_the_home_shows_each_run_with_its_actions_and_each_figure_with_its_list(
    client: Client, staff: User, in_every_trouble: dict[str, Any]
) -> None:
    client.force_login(staff)
    page = client.get(HOME)
    text = page.content.decode()
    paused = in_every_trouble["paused"]
    cancel, resume = (
        text.index(reverse(f"api:staff-run-{action}", args=["counting", paused.pk])) for action in ("cancel", "resume")
    )
    assert cancel < resume, "as for a running one: no button takes another's place"
    assert f"{reverse('admin:runs_business_reset_progress')}?business={paused.business_id}" in text
    assert "Failed: no heartbeat" not in text
    lists = {link.figure.name: client.get(link.url) for link in page.context["figures"]}
    assert {name for name, answer in lists.items() if answer.status_code != 200} == {"database"}
    listed = {
        name: {line.run.business.name for line in answer.context["lines"]}
        for name, answer in lists.items()
        if name in (ANY_ACTIVE, Status.QUEUED, *Trouble)
    }
    assert listed == {
        "active": {"working", "paused", "not_advancing", "waiting", "quiet", "waiting_for_worker", "silent"},
        "queued": {"waiting_for_worker"},
        "quiet": {"quiet"},
        "not_advancing": {"not_advancing"},
        "stale": {"stale"},
        "failed_otherwise": {"failed", "unknown"},
        "unknown": {"unknown"},
    }


def test_whoever_may_view_operations_can_open_what_the_home_links_to(
    client: Client, operator: User, in_every_trouble: dict[str, Any]
) -> None:
    client.force_login(operator)
    page = client.get(HOME)
    links = [link.url for link in page.context["figures"] if link.figure.name != "database"]
    links += [item["link"] for group in page.context["sidebar_navigation"] for item in group["items"]]
    links += re.findall(r'class="now-link" href="([^"]+)"', page.content.decode())
    assert len(links) > 15
    assert {link: client.get(link).status_code for link in links} == dict.fromkeys(links, 200)


def test_who_may_only_look_gets_no_buttons_and_is_refused(
    client: Client, operator: User, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, "running")
    client.force_login(operator)
    page = client.get(HOME).content.decode()
    assert "Business A" in page
    assert "data-action" not in page
    assert "reset-progress" not in page
    assert client_of(operator).post(f"/api/staff/runs/counting/{run.pk}/cancel/").status_code == 403


def test_staff_without_the_permission_get_the_menu_alone(
    client: Client, business_a: Business, make_run: MakeRun
) -> None:
    make_run(business_a, "running")
    helper = User.objects.create_user("helper", is_staff=True)
    client.force_login(helper)
    page = client.get(HOME)
    assert "operations" not in page.context
    assert "Business A" not in page.content.decode()
    assert client_of(helper).get("/api/admin/runs/stream/").status_code == 404


def test_an_action_of_staff_is_recorded_as_theirs(
    as_staff: APIClient, as_member_a: APIClient, staff: User, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, "running")
    url = f"/api/staff/runs/counting/{run.pk}"
    assert as_member_a.post(f"{url}/pause/").status_code == 404
    assert as_staff.post(f"{url}/resume/").status_code == 409
    assert as_staff.post(f"{url}/cancel/").json()["requested"] == "cancel"
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id, entry.change_message) == (staff, str(run.pk), "Cancel")
    queued = make_run(Business.objects.create(name="B", slug="b"))
    as_staff.post(f"/api/staff/runs/counting/{queued.pk}/cancel/")
    assert queued.events.latest("pgh_id").pgh_context["actor"]["kind"] == "staff"


def make_many(run: Any, number: int) -> None:
    """Running ones, each of a business of its own, as the type is exclusive."""
    businesses = Business.objects.bulk_create(Business(name=f"Many {n}", slug=f"many-{n}") for n in range(number))
    fields = {"status": Status.RUNNING, "worker": "w", "attempt": 1, "heartbeat_at": run.heartbeat_at}
    CountingRun.objects.bulk_create(CountingRun(business=business, **fields) for business in businesses)


def test_two_thousand_runs_and_fifty_viewers_cost_as_many_queries_as_one(
    staff: User, business_a: Business, make_run: MakeRun
) -> None:
    run = make_run(business_a, "running")
    with connection.cursor() as cursor:  # a slow machine renders the rows for longer than a transaction may idle
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")

    def watch(number: int) -> tuple[int, int, list[Subscriber]]:
        viewers = [
            User.objects.get_or_create(username=f"viewer-{n}", is_staff=True, is_superuser=True)[0]
            for n in range(number)
        ]
        subscribers = [
            Subscriber(
                viewer.pk,
                None,
                Edition(language),
                Access.OPERATOR,
                now_edition=NowEdition(language, may_control=True, may_reset=True),
            )
            for viewer, language in zip(viewers, ["en", "he"] * number, strict=False)
        ]
        events = NowEvents()
        with CaptureQueriesContext(connection) as reading:
            events.fetch(subscribers)
        events.distribute(subscribers)
        with CaptureQueriesContext(connection) as checking:
            expired_subscribers(subscribers)
        return len(reading), len(checking), subscribers

    alone = watch(1)
    make_many(run, 2_000)
    crowd = watch(50)
    assert crowd[:2] == alone[:2]
    assert all(len(subscriber.pending) == 101 for subscriber in crowd[2])
    assert len({id(subscriber.pending["state"]) for subscriber in crowd[2]}) == 2, "rendered once for each language"


def test_the_state_is_sent_though_nothing_has_changed(staff: User, business_a: Business, make_run: MakeRun) -> None:
    """Where the sweep is away, even its age changes once a minute; a page would believe that it has lost contact."""
    run = make_run(business_a, "paused")
    subscriber = Subscriber(staff.pk, None, Edition("en"), Access.OPERATOR, now_edition=NowEdition.of(staff, "en"))
    events = NowEvents()
    for seconds, expected in ((1, 2), (90, 1)):  # a paused run has no heartbeat whose age would change its row
        CountingRun.objects.filter(pk=run.pk).update(heartbeat_at=Now() - timedelta(seconds=seconds))
        events.fetch([subscriber])
        events.distribute([subscriber])
        assert len(subscriber.pending) == expected
        assert b"event: state" in subscriber.take_pending()


def test_a_stream_of_staff_ends_with_their_permission(operator: User) -> None:
    digest = AuthToken.objects.create(operator)[0].digest
    subscriber = Subscriber(operator.pk, None, Edition("en"), Access.OPERATOR, token_digest=digest)
    assert expired_subscribers([subscriber]) == []
    operator.user_permissions.clear()
    assert expired_subscribers([subscriber]) == [subscriber]


@pytest.mark.parametrize(("who", "address"), [("staff", HOME), ("member_a", "/b/business-a/")])
def test_the_first_page_is_the_home_of_whoever_signed_in(
    client: Client, request: pytest.FixtureRequest, who: str, address: str
) -> None:
    client.force_login(request.getfixturevalue(who))
    assert client.get("/").headers["Location"] == address


def test_the_menu_is_in_groups_and_names_no_library(client: Client, staff: User, operator: User) -> None:
    client.force_login(staff)
    page = client.get(HOME, headers={"Accept-Language": "he"})
    groups = page.context["sidebar_navigation"]
    assert len(groups) == 6
    links = [item["link"] for group in groups for item in group["items"]]
    assert len(links) > 15
    names = " ".join(str(item["title"]) for group in groups for item in group["items"])
    assert not any(name in names for name in ("Axes", "Knox", "Celery"))
    assert "mark.svg" in page.content.decode()
    client.force_login(operator)
    own = [item["link"] for group in client.get(HOME).context["sidebar_navigation"] for item in group["items"]]
    assert own[:2] == [HOME, reverse("admin:runs_allruns_changelist")]
    assert reverse("admin:auth_user_changelist") not in own
