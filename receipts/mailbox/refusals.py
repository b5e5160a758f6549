"""What an error on a connection to a mail server means to the user.

A response about the password or the folder is for the user to fix: RunRejected. Any other error may be temporary, as a
short outage looks like a wrong address: InboxUnreachable.
"""

from __future__ import annotations

import imaplib
import re
import socket
import ssl
from typing import Final

from django.utils.translation import gettext_noop
from imap_tools.errors import MailboxFolderSelectError, MailboxLoginError

from runs.exceptions import RunRejected

from ..stored_messages import CONNECTION_LOST, NO_SUCH_FOLDER, REFUSES_TO_DELIVER
from .account import Account, InboxUnreachable
from .refusal_messages import REASONS_BY_ERROR, format_message, login_message

_RESPONSE_CODE = re.compile(r"\[([A-Z]+)")
# RFC 5530: the server is busy or broken, and the command was correct.
_TEMPORARY: Final = ("UNAVAILABLE", "INUSE", "LIMIT", "OVERQUOTA", "SERVERBUG", "CONTACTADMIN")
# Gmail has one code for its limits and for refused passwords: only the text distinguishes them.
_LIMIT_ALERT = re.compile(r"too many|simultaneous|bandwidth|limit", re.IGNORECASE)
_FOLDER_CODES: Final = ("NONEXISTENT", "TRYCREATE", "NOPERM", "CANNOT")


def explain_lost_connection(account: Account, error: Exception) -> InboxUnreachable:
    """The InboxUnreachable for a command that failed with `error` on an open connection."""
    if isinstance(error, imaplib.IMAP4.abort | OSError):
        message = CONNECTION_LOST % {"host": account.host}
        return InboxUnreachable(message, gettext_noop("The connection to the mail server was lost"))
    message = REFUSES_TO_DELIVER % {"host": account.host}
    return InboxUnreachable(message, gettext_noop("The mail server refuses to hand out messages"))


def explain_refusal(account: Account, error: Exception) -> Exception:
    """The exception that `connect` raises for `error`."""
    is_busy = _is_server_busy(error)
    if not is_busy:
        if isinstance(error, MailboxLoginError):
            return RunRejected(login_message(account))
        if isinstance(error, MailboxFolderSelectError) and _response_code(error) in _FOLDER_CODES:
            return RunRejected(format_message(NO_SUCH_FOLDER, account))
    if account.security == "starttls" and isinstance(error, imaplib.IMAP4.abort) and "TLS" in str(error):
        # imaplib aborts where the server doesn't offer STARTTLS.
        error = ssl.SSLError(str(error))
    reason = next(reason for reason in REASONS_BY_ERROR if isinstance(error, reason.kinds))
    return InboxUnreachable(
        format_message(reason.message, account),
        reason.waiting_reason,
        is_misconfigured=reason.is_misconfigured and not _is_temporary(error) and not is_busy,
    )


def _is_server_busy(error: Exception) -> bool:
    code = _response_code(error)
    return code in _TEMPORARY or (code == "ALERT" and _LIMIT_ALERT.search(str(error)) is not None)


def _response_code(error: Exception) -> str:
    found = _RESPONSE_CODE.search(str(error))
    return found[1] if found else ""


def _is_temporary(error: Exception) -> bool:
    """Whether the resolver failed for now, or the server closed the connection in the middle of the handshake."""
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_AGAIN
    return isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
