"""The demo's mail server: two mailboxes on the loopback, over real IMAP."""

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Serve the demo mailboxes on DEMO_IMAP_PORT until stopped. Needs no database."""

    help = "Serve the demo mailboxes over IMAP on 127.0.0.1, for development only."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            # Here and not above: installations without the development packages list this command too.
            from demo.mailboxes import ACCOUNTS, served_mailbox
            from demo.mailboxes.server import Server, serve_until
        except ModuleNotFoundError as error:
            raise CommandError(
                f"The demo mail server needs requirements-dev.txt: {error.name} is not installed."
            ) from error

        def announce(server: Server) -> None:
            self.stdout.write(f"Demo mailboxes {', '.join(ACCOUNTS)} at {server.host} port {server.port}")
            self.stdout.flush()

        async def run() -> None:
            finished = asyncio.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, finished.set)
            await serve_until(mailboxes, finished, port=settings.DEMO_IMAP_PORT, when_ready=announce)

        mailboxes = [served_mailbox(account) for account in ACCOUNTS]
        try:
            asyncio.run(run())
        except OSError as error:
            raise CommandError(f"Port {settings.DEMO_IMAP_PORT} can't be used: {error.strerror}") from error
