"""What users read when a mail server refuses: one message for each kind of error."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from imap_tools.errors import MailboxFolderSelectError

from .account import Account


@dataclass(frozen=True)
class RefusalReason:
    kinds: tuple[type[Exception], ...]
    message: Promise
    waiting_reason: str
    is_misconfigured: bool = False


NO_SUCH_FOLDER_MESSAGE: Final = gettext_lazy('There is no folder "%(folder)s" in this mailbox. Check its name.')
# The first match counts, so narrow exception types come before wide ones.
REASONS_BY_ERROR: Final = (
    RefusalReason(
        (MailboxFolderSelectError,),
        gettext_lazy('%(host)s does not open the folder "%(folder)s". Check its name.'),
        gettext_noop("The mail server does not open the folder"),
        is_misconfigured=True,
    ),
    RefusalReason(
        (ssl.SSLCertVerificationError,),
        gettext_lazy(
            "The certificate of %(host)s could not be verified, so nothing was sent to it."
            " Check the name of the server."
        ),
        gettext_noop("The certificate of the mail server can't be verified"),
        is_misconfigured=True,
    ),
    RefusalReason(
        (ssl.SSLError,),
        gettext_lazy(
            "No encrypted connection to %(host)s port %(port)s could be made."
            " Check the port and the security setting (SSL or STARTTLS)."
        ),
        gettext_noop("No encrypted connection to the mail server can be made"),
        is_misconfigured=True,
    ),
    RefusalReason(
        (socket.gaierror, UnicodeError),
        gettext_lazy("There is no mail server named %(host)s. Check the name."),
        gettext_noop("The name of the mail server is not known"),
        is_misconfigured=True,
    ),
    RefusalReason(
        (ConnectionRefusedError,),
        gettext_lazy("%(host)s refused the connection on port %(port)s. Check server and port."),
        gettext_noop("The mail server refuses the connection"),
    ),
    RefusalReason(
        (TimeoutError,),
        gettext_lazy("%(host)s did not answer on port %(port)s in time. Check server, port and security setting."),
        gettext_noop("The mail server does not answer"),
    ),
    RefusalReason(
        (OSError,),
        gettext_lazy("%(host)s could not be reached on port %(port)s."),
        gettext_noop("The mail server can't be reached"),
    ),
    RefusalReason(
        (Exception,),
        gettext_lazy(
            "%(host)s does not answer as a mail server on port %(port)s."
            " Check the port and the security setting, or try again later."
        ),
        gettext_noop("The mail server does not answer as one"),
    ),
)


def format_message(message: Promise, account: Account) -> str:
    return str(message) % {"host": account.host, "port": account.port, "folder": account.folder}


def login_message(account: Account) -> str:
    names = {"host": account.host, "user": account.username}
    if account.auth == "xoauth2":
        return (
            _("%(host)s did not accept the access token of %(user)s. It may have expired: connect the account again.")
            % names
        )
    if account.is_gmail:
        return (
            _(
                "Gmail did not accept the password of %(user)s. Gmail wants an app password"
                " here, not the password of the account: make one in the security settings"
                " of the Google account."
            )
            % names
        )
    return _("%(host)s did not accept the user name or the password of %(user)s. Check both.") % names
