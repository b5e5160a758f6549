"""The caller's own businesses."""

from django.contrib.auth.models import User
from rest_framework.test import APIClient

from runs.models import Business, Membership


def test_members_see_their_businesses_with_their_roles(
    as_member_a: APIClient, member_a: User, business_a: Business, business_b: Business
) -> None:
    other = Business.objects.create(name="Another", slug="another")
    Membership.objects.create(user=member_a, business=other, role=Membership.Role.OWNER)
    assert as_member_a.get("/api/businesses/").json() == [
        {"id": other.pk, "slug": "another", "name": "Another", "role": "owner"},
        {"id": business_a.pk, "slug": "business-a", "name": "Business A", "role": "member"},
    ]


def test_staff_need_a_membership_too(as_staff: APIClient, business_a: Business) -> None:
    assert as_staff.get("/api/businesses/").json() == []
