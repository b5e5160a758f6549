"""`manage.py seed_demo`: users and businesses for the demo, and the seeds of each run type."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils.translation import gettext as _

from demo.seeds import SEEDS
from runs.models import Business, Membership
from runs.sign_in.demo import MEMBERS, PASSWORD, STAFF

BUSINESSES: Final = (
    ("business-a", "Business A", MEMBERS[0]),
    ("business-b", "עסק ב", MEMBERS[1]),
)


class Command(BaseCommand):
    help = "Make the demo's users, businesses and what they work with, or bring them up to date. Only with DEBUG."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError(_("The demo's accounts have a public password. They are made only with DEBUG=1."))
        with transaction.atomic():
            make_user(STAFF, is_staff=True, is_superuser=True)
            for slug, name, username in BUSINESSES:
                business = make_business(slug, name, make_user(username))
                for seed in SEEDS:
                    seed(business)


def make_user(username: str, **rights: bool) -> User:
    user, made = User.objects.get_or_create(username=username, defaults=rights)
    if made:
        user.set_password(PASSWORD)
        user.save(update_fields=["password"])
    return user


def make_business(slug: str, name: str, member: User) -> Business:
    business, _made = Business.objects.get_or_create(slug=slug, defaults={"name": name})
    Membership.objects.get_or_create(business=business, user=member)
    return business
