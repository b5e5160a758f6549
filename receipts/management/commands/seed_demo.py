"""`manage.py seed_demo`: people, businesses and mailboxes to try things out with."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils.translation import gettext as _

from receipts import demo
from receipts.models import Mailbox
from runs.models import Business, Membership

# Public on purpose: these accounts are never made where DEBUG is off.
PASSWORD: Final = "demo-only"  # noqa: S105
BUSINESSES: Final = (
    ("business-a", "Business A", "member-a", demo.MAILBOX_A),
    ("business-b", "עסק ב", "member-b", demo.MAILBOX_B),
)


class Command(BaseCommand):
    help = "Make the demo's users, businesses and mailboxes, or bring them up to date. Only with DEBUG."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError(_("The demo's accounts have a public password. They are made only with DEBUG=1."))
        with transaction.atomic():
            _user("staff", is_staff=True, is_superuser=True)
            for slug, name, username, account in BUSINESSES:
                _mailbox(_business(slug, name, _user(username)), account)


def _user(username: str, **rights: bool) -> User:
    user, made = User.objects.get_or_create(username=username, defaults=rights)
    if made:
        user.set_password(PASSWORD)
        user.save(update_fields=["password"])
    return user


def _business(slug: str, name: str, member: User) -> Business:
    business, _made = Business.objects.get_or_create(slug=slug, defaults={"name": name})
    Membership.objects.get_or_create(business=business, user=member)
    return business


def _mailbox(business: Business, account: str) -> None:
    """The port follows that of the copy that is run now."""
    server = {"host": "127.0.0.1", "port": settings.DEMO_IMAP_PORT, "security": Mailbox.Security.PLAIN}
    Mailbox.objects.update_or_create(
        business=business,
        username=account,
        defaults=server,
        create_defaults={**server, "name": account, "secret": demo.PASSWORD},
    )
