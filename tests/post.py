"""A real IMAP server with the demo's mail or a test's own, and connections that are slow or cut."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from demo import mailboxes
from demo.mailboxes.server import ServedMailbox, Server, StoredMail, serve
from receipts.models import Mailbox
from runs.models import Business

FIRST_DAY = datetime(2024, 5, 1, 12, tzinfo=UTC)


@contextmanager
def served_mailbox(
    business: Business,
    *,
    messages: slice = slice(None),
    fetch_seconds: float = 0.0,
    on_fetch: Callable[[int], object] = lambda uid: None,
) -> Iterator[Mailbox]:
    """A mailbox of this business on a real server on the loopback, which takes `fetch_seconds` for a message."""
    whole = mailboxes.served_mailbox(mailboxes.MAILBOX_A)
    mails = whole.mails[messages]
    with serve([replace(whole, mails=mails, fetch_seconds=fetch_seconds, on_fetch=on_fetch)]) as server:
        yield Mailbox.objects.create(
            business=business,
            name="demo",
            host="127.0.0.1",
            port=server.port,
            security=Mailbox.Security.PLAIN,
            username=mailboxes.MAILBOX_A,
            secret=mailboxes.PASSWORD,
        )


@contextmanager
def held_mailbox(business: Business, *, messages: int, held_after: int) -> Iterator[tuple[Mailbox, threading.Event]]:
    """A mailbox whose server stands still after so many messages until the event is set: no sync ends before."""
    released, served = threading.Event(), count()

    def hold(uid: int) -> None:
        if next(served) >= held_after:
            released.wait()

    with served_mailbox(business, messages=slice(0, messages), on_fetch=hold) as mailbox:
        try:
            yield mailbox, released
        finally:
            released.set()


@contextmanager
def served_mails(business: Business, raws: Sequence[bytes]) -> Iterator[tuple[Server, Mailbox]]:
    """A mailbox with these mails, whose uids count from 1, and its server."""
    mails = [StoredMail(uid, FIRST_DAY + timedelta(hours=uid), raw) for uid, raw in enumerate(raws, start=1)]
    with serve([ServedMailbox("dana", "open sesame", 7, mails)]) as server:
        yield server, mailbox_at(business, server.port)


def mailbox_at(business: Business, port: int) -> Mailbox:
    return Mailbox.objects.create(
        business=business,
        name="dana",
        host="127.0.0.1",
        port=port,
        security=Mailbox.Security.PLAIN,
        username="dana",
        secret="open sesame",
    )


@contextmanager
def slowed(target: int, *, after: int, piece: int, seconds: float) -> Iterator[int]:
    """A port that forwards to `target`. After `after` bytes it sends a piece of `piece` bytes every `seconds`."""

    def trickle(source: socket.socket, sink: socket.socket) -> None:
        left = after
        with suppress(OSError):
            while sent := source.recv(left or piece):
                sink.sendall(sent)
                left = max(0, left - len(sent))
                if not left:
                    time.sleep(seconds)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                upstream = socket.create_connection(("127.0.0.1", target))
                threading.Thread(target=_forward, args=(client, upstream, None), daemon=True).start()
                threading.Thread(target=trickle, args=(upstream, client), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]


@contextmanager
def cut_after(target: int, limits: list[int]) -> Iterator[int]:
    """A port that forwards to `target`, and cuts each connection after its limit of bytes.

    Connections beyond the list, which is used up and may be cleared meanwhile, are not cut. Yields the port.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    limit = limits.pop(0) if limits else None
                    upstream = socket.create_connection(("127.0.0.1", target))
                    for args in ((client, upstream, None), (upstream, client, limit)):
                        threading.Thread(target=_forward, args=args, daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]


def _forward(source: socket.socket, sink: socket.socket, limit: int | None) -> None:
    """Forward bytes until the source ends or `limit` bytes were forwarded, then close both ends."""
    with suppress(OSError):
        while limit is None or limit > 0:
            piece = source.recv(65_536)
            if not piece:
                break
            sink.sendall(piece if limit is None else piece[:limit])
            limit = None if limit is None else limit - len(piece)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
