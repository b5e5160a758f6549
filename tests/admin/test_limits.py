"""Staff limit how many runs may run at once, on the limits' own pages and on a business's."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from receipts.models import ReceiptSyncRun
from runs.drill.models import DrillRun
from runs.lifecycle import start
from runs.lifecycle.claim import claim_next
from runs.models import Business, RunLimit

LIST = "/admin/runs/runlimit/"


@pytest.fixture
def as_staff_in_admin(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client


def form(business: Business | None = None, run_type: str = "", max_running: Any = 2) -> dict[str, Any]:
    return {"business": business.pk if business else "", "run_type": run_type, "max_running": max_running}


def errors(response: Any) -> dict[str, list[str]]:
    return {name: [str(error) for error in each] for name, each in response.context["adminform"].form.errors.items()}


def business_form(business: Business, *limits: dict[str, Any]) -> dict[str, Any]:
    formset = {"run_limits-TOTAL_FORMS": len(limits), "run_limits-INITIAL_FORMS": 0}
    members = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    rows = {
        f"run_limits-{number}-{name}": value for number, limit in enumerate(limits) for name, value in limit.items()
    }
    return {"name": business.name, "slug": business.slug, **formset, **members, **rows}


def test_a_limit_is_added_and_holds(as_staff_in_admin: Client, business_a: Business) -> None:
    as_staff_in_admin.post(f"{LIST}add/", form(business_a, DrillRun.slug, 1))
    limit = RunLimit.objects.get()
    assert (limit.business, limit.run_type, limit.max_running) == (business_a, DrillRun.slug, 1)
    for _number in range(2):
        start(DrillRun, business_a, steps=1)
    assert [bool(claim_next(DrillRun.queue)) for _number in range(2)] == [True, False]
    as_staff_in_admin.post(f"{LIST}{limit.pk}/change/", form(business_a, DrillRun.slug, 2))
    assert claim_next(DrillRun.queue)


def test_the_type_is_chosen_from_those_that_there_are(as_staff_in_admin: Client) -> None:
    page = as_staff_in_admin.get(f"{LIST}add/").content.decode()
    assert f'<option value="{ReceiptSyncRun.slug}">receipt syncs</option>' in page
    assert "All types together" in page
    refused = as_staff_in_admin.post(f"{LIST}add/", form(run_type="nonsense"))
    assert list(errors(refused)) == ["run_type"]


@pytest.mark.parametrize("max_running", ["", "-1", "two", 10**12])
def test_what_is_no_number_is_refused_beside_the_field(as_staff_in_admin: Client, max_running: Any) -> None:
    assert list(errors(as_staff_in_admin.post(f"{LIST}add/", form(max_running=max_running)))) == ["max_running"]


@pytest.mark.parametrize("run_type", [DrillRun.slug, ""])
@pytest.mark.parametrize("is_own", [True, False])
def test_a_second_limit_of_the_same_is_refused_beside_the_type(
    as_staff_in_admin: Client, business_a: Business, run_type: str, is_own: bool
) -> None:
    business = business_a if is_own else None
    as_staff_in_admin.post(f"{LIST}add/", form(business, run_type))
    refused = as_staff_in_admin.post(f"{LIST}add/", form(business, run_type, 5))
    assert errors(refused) == {"run_type": ["There is a limit for this already."]}
    assert RunLimit.objects.get().max_running == 2


def test_they_are_listed_with_what_they_limit(as_staff_in_admin: Client, business_a: Business) -> None:
    RunLimit.objects.create(business=business_a, run_type=DrillRun.slug, max_running=3)
    RunLimit.objects.create(max_running=9)
    page = as_staff_in_admin.get(LIST).content.decode()
    assert "All businesses together" in page
    assert "Business A" in page


def test_a_business_s_page_has_its_own_limits(as_staff_in_admin: Client, business_a: Business) -> None:
    RunLimit.objects.create(max_running=9)
    url = f"/admin/runs/business/{business_a.pk}/change/"
    limit = {"run_type": DrillRun.slug, "max_running": 2}
    assert as_staff_in_admin.post(url, business_form(business_a, limit)).status_code == 302
    assert RunLimit.objects.get(business=business_a).max_running == 2
    assert 'value="2"' in as_staff_in_admin.get(url).content.decode()
    refused = as_staff_in_admin.post(url, business_form(business_a, {**limit, "run_type": "nonsense"}))
    assert refused.status_code == 200
    assert "nonsense is not one of the available choices" in refused.content.decode()


def test_a_second_limit_on_the_business_s_page_is_refused_beside_the_type(
    as_staff_in_admin: Client, business_a: Business
) -> None:
    RunLimit.objects.create(business=business_a, run_type=DrillRun.slug, max_running=3)
    url = f"/admin/runs/business/{business_a.pk}/change/"
    limit = {"run_type": DrillRun.slug, "max_running": 2}
    assert (
        "There is a limit for this already."
        in as_staff_in_admin.post(url, business_form(business_a, limit)).content.decode()
    )
    assert as_staff_in_admin.post(url, business_form(business_a, *[{**limit, "run_type": ""}] * 2)).status_code == 200
    assert RunLimit.objects.count() == 1


def test_a_new_business_may_have_a_limit_like_that_of_all_businesses(as_staff_in_admin: Client) -> None:
    RunLimit.objects.create(run_type=DrillRun.slug, max_running=9)
    new = Business(name="New", slug="new")
    body = business_form(new, {"run_type": DrillRun.slug, "max_running": 2})
    assert as_staff_in_admin.post("/admin/runs/business/add/", body).status_code == 302
    assert RunLimit.objects.get(business__slug="new").max_running == 2


def test_staff_without_the_permission_change_nothing(client: Client, business_a: Business) -> None:
    RunLimit.objects.create(business=business_a, max_running=3)
    user = User.objects.create_user("helper", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="change_business"))
    client.force_login(user)
    assert client.get(LIST).status_code == 403
    assert client.post(f"{LIST}add/", form()).status_code == 403
    url = f"/admin/runs/business/{business_a.pk}/change/"
    client.post(url, business_form(business_a, {"run_type": "", "max_running": 2}))
    assert RunLimit.objects.get().max_running == 3
