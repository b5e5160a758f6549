"""A connection to the mail server of one account: dialled, encrypted, signed in, its folder opened for reading.

Errors are distinguished by who can fix them. A response about the password or the folder is for the user to fix:
RunRejected. Any other error may be temporary, as an outage looks like a wrong address: InboxUnreachable. Then the
caller retries (`receipts.sync.outage`).
"""

from __future__ import annotations

import imaplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from imap_tools.errors import ImapToolsError

from receipts.mailbox.imap_client import BoundedIMAP, BoundedIMAPOverTLS

from .account import Account
from .refusals import explain_refusal
from .sign_in import MailBox, check_credentials, sign_in

# A server may have several addresses, which are tried one after the other, and no heartbeat is sent meanwhile.
MAX_CONNECT_SECONDS: Final = 15.0
_CONNECTION_ERRORS: Final = (imaplib.IMAP4.error, ImapToolsError, OSError, UnicodeError)


def connect(account: Account, *, max_bytes: int = 0, beat: Callable[[], None] = lambda: None) -> MailBox:
    """Sign in and open the account's folder read-only.

    `max_bytes` bounds the response for one message; `beat` is called while a response is awaited. Raises
    InboxUnreachable; RunRejected, with a message that tells the user what to correct, when the server refuses the
    sign-in or has no such folder.
    """
    check_credentials(account)
    try:
        return _open_folder(account, max_bytes, beat)
    except _CONNECTION_ERRORS as error:
        raise explain_refusal(account, error) from error


def close_connection(connection: MailBox) -> None:
    """Log out if the server still responds, and close the socket."""
    connection.client.shorten_timeout()
    with suppress(*_CONNECTION_ERRORS):
        connection.logout()
    # A logout that failed halfway leaves the socket open.
    with suppress(*_CONNECTION_ERRORS):
        connection.client.shutdown()


def _open_folder(account: Account, max_bytes: int, beat: Callable[[], None]) -> MailBox:
    connection = MailBox(_dial_server(account, max_bytes, beat))
    try:
        if account.security == "starttls":
            connection.client.starttls(ssl.create_default_context())
        connection.client.seconds = account.timeout
        sign_in(connection, account)
        connection.folder.set(account.folder, readonly=True)
    except BaseException:
        close_connection(connection)
        raise
    return connection


def _dial_server(account: Account, max_bytes: int, beat: Callable[[], None]) -> BoundedIMAP:
    limits: dict[str, Any] = {
        "seconds": min(account.timeout, MAX_CONNECT_SECONDS),
        "max_bytes": max_bytes,
        "beat": beat,
    }
    if account.security == "ssl":
        return BoundedIMAPOverTLS(account.host, account.port, ssl_context=ssl.create_default_context(), **limits)
    return BoundedIMAP(account.host, account.port, **limits)
