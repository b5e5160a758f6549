"""What users read when a mail server refuses: one message for each kind of error."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext_noop
from imap_tools.errors import MailboxFolderSelectError

from runs.stored_text import StoredMessage

from .. import stored_messages as messages
from .account import Account


@dataclass(frozen=True)
class RefusalReason:
    kinds: tuple[type[Exception], ...]
    message: StoredMessage
    waiting_reason: str
    is_misconfigured: bool = False


# The first match counts, so narrow exception types come before wide ones.
REASONS_BY_ERROR: Final = (
    RefusalReason(
        (MailboxFolderSelectError,),
        messages.FOLDER_NOT_OPENED,
        gettext_noop("The mail server does not open the folder"),
        is_misconfigured=True,
    ),
    RefusalReason(
        (ssl.SSLCertVerificationError,),
        messages.CERTIFICATE,
        gettext_noop("The certificate of the mail server can't be verified"),
        is_misconfigured=True,
    ),
    RefusalReason(
        (ssl.SSLError,),
        messages.NOT_ENCRYPTED,
        gettext_noop("No encrypted connection to the mail server can be made"),
        is_misconfigured=True,
    ),
    RefusalReason(
        (socket.gaierror, UnicodeError),
        messages.NO_SUCH_SERVER,
        gettext_noop("The name of the mail server is not known"),
        is_misconfigured=True,
    ),
    RefusalReason(
        (ConnectionRefusedError,),
        messages.CONNECTION_REFUSED,
        gettext_noop("The mail server refuses the connection"),
    ),
    RefusalReason((TimeoutError,), messages.NO_ANSWER, gettext_noop("The mail server does not answer")),
    RefusalReason((OSError,), messages.NOT_REACHED, gettext_noop("The mail server can't be reached")),
    RefusalReason((Exception,), messages.NO_MAIL_SERVER, gettext_noop("The mail server does not answer as one")),
)


def format_message(message: StoredMessage, account: Account) -> str:
    return message % {"host": account.host, "port": account.port, "folder": account.folder}


def login_message(account: Account) -> str:
    if account.auth == "xoauth2":
        message = messages.TOKEN_REFUSED
    elif account.is_gmail:
        message = messages.GMAIL_PASSWORD
    else:
        message = messages.PASSWORD_REFUSED
    return message % {"host": account.host, "user": account.username}
