"""A connection to the mail server of one account: dialled, encrypted, signed in, its folder opened for reading.

What goes wrong is told apart by who can mend it. An answer that names the password or the folder is the user's to
mend: RunRejected. All else may pass, as a server that is away for a moment looks like a wrong address: the caller waits
and tries again, and decides by what this mailbox could do before.
"""

import imaplib
import re
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from imap_tools import BaseMailBox
from imap_tools.errors import ImapToolsError, MailboxFolderSelectError, MailboxLoginError

from receipts.mailbox.imap_client import BoundedIMAP, BoundedIMAPOverTLS
from runs.exceptions import RunRejected, RunsError

# A server may have several addresses, which are tried one after the other, and nothing beats meanwhile.
MAX_CONNECT_SECONDS: Final = 15.0

_GMAIL_HOSTS = ("gmail.com", "googlemail.com")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_RESPONSE_CODE = re.compile(r"\[([A-Z]+)")
# RFC 5530: the server is busy or broken, whatever was asked.
_PASSING: Final = ("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "CONTACTADMIN")
_NO_SUCH_FOLDER: Final = ("NONEXISTENT", "TRYCREATE", "NOPERM", "CANNOT")
_REFUSALS: Final = (imaplib.IMAP4.error, ImapToolsError, OSError, UnicodeError)


class InboxUnreachable(RunsError):
    """The mail server is away, or doesn't do what it is asked.

    Its text says what happened in full. `waiting_reason` says it to those who watch the run wait, in words that are
    translated as they are read. `is_misconfigured`: on a mailbox that never worked, nobody needs to wait.
    """

    def __init__(self, message: object, waiting_reason: str, *, is_misconfigured: bool = False) -> None:
        super().__init__(message)
        self.waiting_reason = waiting_reason
        self.is_misconfigured = is_misconfigured


@dataclass(frozen=True)
class Account:
    """Where a mailbox is and how to sign in.

    `timeout`, in seconds, holds for every command; see `imap_client` for what a long answer may take.
    """

    host: str
    port: int
    security: Literal["ssl", "starttls", "plain"]
    username: str
    secret: str = field(repr=False)
    auth: Literal["password", "xoauth2"] = "password"
    folder: str = "INBOX"
    timeout: float = 60.0

    @property
    def is_gmail(self) -> bool:
        return self.host.lower().rstrip(".").endswith(_GMAIL_HOSTS)


class MailBox(BaseMailBox):
    """imap-tools' words for a client of ours."""

    client: BoundedIMAP

    def __init__(self, client: BoundedIMAP) -> None:
        self._own_client = client
        super().__init__()

    def _get_mailbox_client(self) -> BoundedIMAP:
        return self._own_client


def connect(account: Account, *, max_bytes: int = 0, beat: Callable[[], None] = lambda: None) -> MailBox:
    """Sign in and open the account's folder read-only.

    `max_bytes` is what the server may send for one message; `beat` is called while it is waited for.
    Raises InboxUnreachable; RunRejected, with words that the user can act on, when the server
    refuses the sign-in or has no such folder.
    """
    _check(account)
    try:
        return _open(account, max_bytes, beat)
    except _REFUSALS as error:
        raise _refusal(account, error) from error


def hang_up(connection: MailBox) -> None:
    """Say goodbye to the server, if it still listens."""
    connection.client.hurry()
    with suppress(*_REFUSALS):
        connection.logout()
    # A logout that failed halfway leaves the socket open.
    with suppress(*_REFUSALS):
        connection.client.shutdown()


def lost(account: Account, error: Exception) -> InboxUnreachable:
    """What it means that a command failed with `error` on an open connection."""
    if isinstance(error, imaplib.IMAP4.abort | OSError):
        message = _("The connection to %(host)s was lost.") % {"host": account.host}
        return InboxUnreachable(message, gettext_noop("The connection to the mail server was lost"))
    message = _("%(host)s refused to hand out messages.") % {"host": account.host}
    return InboxUnreachable(message, gettext_noop("The mail server refuses to hand out messages"))


def _check(account: Account) -> None:
    """Refuse what could smuggle a second command into the connection."""
    if _CONTROL.search(account.username + account.secret + account.folder):
        raise RunRejected(_("The user name, the password or the folder contains a character that is not allowed."))


def _open(account: Account, max_bytes: int, beat: Callable[[], None]) -> MailBox:
    connection = MailBox(_dial(account, max_bytes, beat))
    try:
        if account.security == "starttls":
            connection.client.starttls(ssl.create_default_context())
        connection.client.seconds = account.timeout
        _sign_in(connection, account)
        connection.folder.set(account.folder, readonly=True)
    except BaseException:
        hang_up(connection)
        raise
    return connection


def _dial(account: Account, max_bytes: int, beat: Callable[[], None]) -> BoundedIMAP:
    limits: dict[str, Any] = {
        "seconds": min(account.timeout, MAX_CONNECT_SECONDS),
        "max_bytes": max_bytes,
        "beat": beat,
    }
    if account.security == "ssl":
        return BoundedIMAPOverTLS(account.host, account.port, ssl_context=ssl.create_default_context(), **limits)
    return BoundedIMAP(account.host, account.port, **limits)


def _sign_in(connection: MailBox, account: Account) -> None:
    try:
        if account.auth == "xoauth2":
            connection.xoauth2(account.username, account.secret, initial_folder=None)
        elif (account.username + account.secret).isascii():
            connection.login(account.username, account.secret, initial_folder=None)
        else:
            connection.login_utf8(account.username, account.secret, initial_folder=None)
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        raise MailboxLoginError(("NO", [str(error)]), "OK") from error


def _refusal(account: Account, error: Exception) -> Exception:
    """What a caller of `connect` is told of the `error` that ended it."""
    code = _response_code(error)
    if code not in _PASSING:
        if isinstance(error, MailboxLoginError):
            return RunRejected(_login_message(account))
        if isinstance(error, MailboxFolderSelectError) and code in _NO_SUCH_FOLDER:
            return RunRejected(_message_for(_NO_FOLDER, account))
    if account.security == "starttls" and isinstance(error, imaplib.IMAP4.abort) and "TLS" in str(error):
        # So imaplib says that the server doesn't offer STARTTLS.
        error = ssl.SSLError(str(error))
    reason = next(reason for reason in _REASONS if isinstance(error, reason.kinds))
    return InboxUnreachable(
        _message_for(reason.words, account),
        reason.waiting_reason,
        is_misconfigured=reason.is_misconfigured and not _is_passing(error) and code not in _PASSING,
    )


def _response_code(error: Exception) -> str:
    found = _RESPONSE_CODE.search(str(error))
    return found[1] if found else ""


def _is_passing(error: Exception) -> bool:
    """Does it only look like a wrong name or a wrong port: nobody could be asked, or hung up in the middle?"""
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_AGAIN
    return isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)


@dataclass(frozen=True)
class _Reason:
    kinds: tuple[type[Exception], ...]
    words: Promise
    waiting_reason: str
    is_misconfigured: bool = False


_NO_FOLDER: Final = gettext_lazy('There is no folder "%(folder)s" in this mailbox. Check its name.')

# The first that fits: the narrow kinds of errors stand before the wide ones.
_REASONS: Final = (
    _Reason(
        (MailboxFolderSelectError,),
        gettext_lazy('%(host)s does not open the folder "%(folder)s". Check its name.'),
        gettext_noop("The mail server does not open the folder"),
        is_misconfigured=True,
    ),
    _Reason(
        (ssl.SSLCertVerificationError,),
        gettext_lazy(
            "The certificate of %(host)s could not be verified, so nothing was sent to it."
            " Check the name of the server."
        ),
        gettext_noop("The certificate of the mail server can't be verified"),
        is_misconfigured=True,
    ),
    _Reason(
        (ssl.SSLError,),
        gettext_lazy(
            "No encrypted connection to %(host)s port %(port)s could be made."
            " Check the port and the security setting (SSL or STARTTLS)."
        ),
        gettext_noop("No encrypted connection to the mail server can be made"),
        is_misconfigured=True,
    ),
    _Reason(
        (socket.gaierror, UnicodeError),
        gettext_lazy("There is no mail server named %(host)s. Check the name."),
        gettext_noop("The name of the mail server is not known"),
        is_misconfigured=True,
    ),
    _Reason(
        (ConnectionRefusedError,),
        gettext_lazy("%(host)s refused the connection on port %(port)s. Check server and port."),
        gettext_noop("The mail server refuses the connection"),
    ),
    _Reason(
        (TimeoutError,),
        gettext_lazy("%(host)s did not answer on port %(port)s in time. Check server, port and security setting."),
        gettext_noop("The mail server does not answer"),
    ),
    _Reason(
        (OSError,),
        gettext_lazy("%(host)s could not be reached on port %(port)s."),
        gettext_noop("The mail server can't be reached"),
    ),
    _Reason(
        (Exception,),
        gettext_lazy(
            "%(host)s does not answer as a mail server on port %(port)s."
            " Check the port and the security setting, or try again later."
        ),
        gettext_noop("The mail server does not answer as one"),
    ),
)


def _message_for(words: Promise, account: Account) -> str:
    return str(words) % {"host": account.host, "port": account.port, "folder": account.folder}


def _login_message(account: Account) -> str:
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
