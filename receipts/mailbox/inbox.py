"""Read-only access to one folder of an IMAP mailbox.

imap-tools signs in and searches (`receipts.mailbox.connection`). FETCH bypasses it: imap-tools sends a command only
after the response to the last one, and doesn't bound how much of a message is received.
"""

from __future__ import annotations

import imaplib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any, Final, TypeVar

from imap_tools import AND, U
from imap_tools.errors import ImapToolsError

from .account import Account
from .connection import close_connection, connect
from .fetch_command import format_uid_set, parse_bodies, parse_sizes
from .refusals import explain_lost_connection
from .sign_in import MailBox

FIRST_DAY: Final = date(1970, 1, 1)

T = TypeVar("T")


class Inbox:
    """An open folder. Nothing done here changes it, not even the "seen" marks."""

    def __init__(self, account: Account, connection: MailBox) -> None:
        self._account = account
        self._connection = connection
        self.uidvalidity = _read_uidvalidity(connection)

    def uids(self, *, after: int = 0, since: date | None = None, before: date | None = None) -> list[int]:
        """The uids above `after`, ascending, of messages that arrived from `since` to `before`.

        Both days belong to the range; they are the server's (INTERNALDATE).
        Raises InboxUnreachable.
        """
        criteria = AND(
            uid=U(str(after + 1), "*"),
            # No mail is older, and servers reject a year of fewer than four digits.
            date_gte=since if since and since > FIRST_DAY else None,
            date_lt=before + timedelta(days=1) if before and before < date.max else None,
        )
        found = self._explain_errors(lambda: self._connection.uids(criteria, charset=None))
        # RFC 3501: "n:*" matches the last message even when its uid is below n.
        return sorted(uid for uid in map(int, found) if uid > after)

    def sizes(self, uids: Sequence[int]) -> dict[int, int]:
        """The sizes in bytes that the server reports of messages that still exist. Raises InboxUnreachable."""
        return self.begin_sizes(uids)()

    def begin_sizes(self, uids: Sequence[int]) -> Callable[[], dict[int, int]]:
        """Request `sizes`; calling the result reads them. Both raise InboxUnreachable."""
        read_response = self.begin_fetch(uids, "(UID RFC822.SIZE)")
        return lambda: parse_sizes(read_response())

    def begin_bodies(self, uids: Sequence[int], *, max_bytes: int) -> Callable[[], dict[int, bytes]]:
        """Request at most `max_bytes` of each message; calling the result reads them.

        Both raise InboxUnreachable. For what may happen in between see `BoundedIMAP.begin_fetch`.
        """
        read_response = self.begin_fetch(uids, f"(UID BODY.PEEK[]<0.{max_bytes}>)")
        return lambda: parse_bodies(read_response())

    def begin_fetch(self, uids: Sequence[int], parts: str) -> Callable[[], list[Any]]:
        """Send a FETCH of these parts of the messages; calling the result reads the response."""
        read = self._explain_errors(lambda: self._connection.client.begin_fetch(format_uid_set(uids), parts))

        def read_response() -> list[Any]:
            status, response = self._explain_errors(read)
            if status != "OK":
                raise explain_lost_connection(self._account, imaplib.IMAP4.error(f"FETCH: {status}"))
            return response

        return read_response

    def _explain_errors(self, command: Callable[[], T]) -> T:
        try:
            return command()
        except (imaplib.IMAP4.error, ImapToolsError, OSError, ValueError) as error:
            raise explain_lost_connection(self._account, error) from error

    def close(self) -> None:
        close_connection(self._connection)


@contextmanager
def open_inbox(account: Account, *, max_bytes: int, beat: Callable[[], None] = lambda: None) -> Iterator[Inbox]:
    """Sign in, open the account's folder read-only, and close it after the block.

    `max_bytes` bounds the response for one message; `beat` is called while a response is awaited. Raises RunRejected,
    with a message that tells the user what to correct, and InboxUnreachable.
    """
    connection = connect(account, max_bytes=max_bytes + 1, beat=beat)
    inbox = Inbox(account, connection)
    try:
        yield inbox
    finally:
        inbox.close()


def _read_uidvalidity(connection: MailBox) -> int:
    values: list[Any] = connection.client.untagged_responses.get("UIDVALIDITY", [])
    # RFC 3501 requires it. For a server without one a constant is used: there a renumbering can't be noticed.
    return int(values[-1]) if values else 0
