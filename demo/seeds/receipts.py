"""What `manage.py seed_demo` adds to a business: a mailbox on the demo's own server."""

from __future__ import annotations

from typing import Final

from django.conf import settings

from demo import mailboxes
from receipts.models import Mailbox
from runs.models import Business

ACCOUNTS: Final = {"business-a": mailboxes.MAILBOX_A, "business-b": mailboxes.MAILBOX_B}


def seed(business: Business) -> None:
    """The port is updated to that of the running copy."""
    server = {"host": "127.0.0.1", "port": settings.DEMO_IMAP_PORT, "security": Mailbox.Security.PLAIN}
    account = ACCOUNTS[business.slug]
    Mailbox.objects.update_or_create(
        business=business,
        username=account,
        defaults=server,
        create_defaults={**server, "name": account, "secret": mailboxes.PASSWORD},
    )
