"""A real IMAP server with the demo's mail, or a part of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from receipts import demo
from receipts.demo.server import serve
from receipts.models import Mailbox
from runs.models import Business


@contextmanager
def served_mailbox(business: Business, *, messages: slice = slice(None)) -> Iterator[Mailbox]:
    """A mailbox of this business that a server on the loopback really serves."""
    whole = demo.served(demo.MAILBOX_A)
    with serve([replace(whole, mails=whole.mails[messages])]) as server:
        yield Mailbox.objects.create(
            business=business,
            name="demo",
            host="127.0.0.1",
            port=server.port,
            security=Mailbox.Security.PLAIN,
            username=demo.MAILBOX_A,
            secret=demo.PASSWORD,
        )
