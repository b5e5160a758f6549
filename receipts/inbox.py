"""Read-only access to one folder of an IMAP mailbox, as a stream.

imap-tools makes and signs in the connection; FETCH goes below it, because a mailbox of
any size has to pass through a small worker: sizes are asked first, small messages come
in batches bounded by count and bytes, large ones alone, huge ones never.
"""

import imaplib
import re
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final, Literal, TypeVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from imap_tools import AND, BaseMailBox, MailBox, MailBoxUnencrypted, U
from imap_tools.errors import (
    ImapToolsError,
    MailboxFolderSelectError,
    MailboxLoginError,
)

from runs.exceptions import RunRejected, RunsError

SIZES_AT_ONCE = 500
BATCH_MESSAGES = 50
BATCH_BYTES = 4_000_000

FIRST_DAY = date(1970, 1, 1)
# Pauses before the three tries to get a lost connection back, in seconds.
RECONNECT_PAUSES = (1.0, 2.0, 4.0)

_GMAIL_HOSTS = ("gmail.com", "googlemail.com")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UID = re.compile(rb"\bUID (\d+)", re.IGNORECASE)
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)", re.IGNORECASE)
_BODY = re.compile(rb"\bBODY\[\]", re.IGNORECASE)
# What says that the connection is gone, not that the server dislikes the command.
_LOST = (imaplib.IMAP4.abort, OSError)
_REFUSALS = (imaplib.IMAP4.error, ImapToolsError, OSError, UnicodeError)

T = TypeVar("T")


class InboxLost(RunsError):
    """The connection to the mail server was lost and could not be made again."""


class InboxRenumbered(RunsError):
    """The mail server numbered the folder anew while it was being read. Start the sync again."""


@dataclass(frozen=True)
class Account:
    """Where a mailbox is and how to sign in.

    `timeout`, in seconds, holds for every network call.
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


@dataclass(frozen=True)
class Letter:
    """One message as it was sent.

    `size` is in bytes, as the server says. `raw` is None for a message that was larger
    than allowed, and so not fetched (`too_large`), and for one that somebody deleted
    between listing and fetching (`vanished`).
    """

    uid: int
    size: int
    raw: bytes | None = field(repr=False)
    too_large: bool = False
    vanished: bool = False


class Inbox:
    """An open folder. Nothing done here changes it, not even the "seen" marks."""

    def __init__(self, account: Account, connection: BaseMailBox, *, beat: Callable[[], None]) -> None:
        self._account = account
        self._connection = connection
        self._beat = beat
        self.uidvalidity = _uidvalidity(connection)

    def uids(self, *, after: int = 0, since: date | None = None, before: date | None = None) -> list[int]:
        """The uids above `after`, ascending, of messages that arrived from `since` to `before`.

        Both days belong to the range; they are the server's (INTERNALDATE).
        Raises InboxLost and InboxRenumbered.
        """
        wanted = AND(
            uid=U(str(after + 1), "*"),
            # No mail is older, and servers want years of four digits.
            date_gte=since if since and since > FIRST_DAY else None,
            date_lt=before + timedelta(days=1) if before and before < date.max else None,
        )
        found = self._insist(lambda: self._connection.uids(wanted, charset=None))
        # "n:*" names the last message even when its uid is below n.
        return sorted(uid for uid in map(int, found) if uid > after)

    def fetch(self, uids: Sequence[int], *, max_bytes: int) -> Iterator[Letter]:
        """Yield one letter for each of `uids`, in their order, fetching as it goes.

        Raises InboxLost and InboxRenumbered. A letter is not kept once it was yielded.
        """
        for window in _chunks(uids, SIZES_AT_ONCE):
            sizes = self._sizes(window)
            for batch in _batches(window, sizes, max_bytes):
                letters = self._letters(batch, sizes, max_bytes)
                while letters:
                    yield letters.popleft()

    def _sizes(self, uids: Sequence[int]) -> dict[int, int]:
        lines = self._fetch(uids, "(UID RFC822.SIZE)")
        return {
            int(uid[1]): int(size[1])
            for line in lines
            if isinstance(line, bytes) and (uid := _UID.search(line)) and (size := _SIZE.search(line))
        }

    def _letters(self, uids: Sequence[int], sizes: dict[int, int], max_bytes: int) -> deque[Letter]:
        wanted = [uid for uid in uids if 0 < sizes.get(uid, 0) <= max_bytes]
        # Some servers only guess sizes. Asking for one byte more than allowed shows
        # a message that is larger than they said, and bounds what it costs.
        found = self._bodies(wanted, f"(UID BODY.PEEK[]<0.{max_bytes + 1}>)") if wanted else {}
        return deque(_letter(uid, sizes.get(uid), found.get(uid), max_bytes=max_bytes) for uid in uids)

    def _bodies(self, uids: Sequence[int], parts: str) -> dict[int, bytes]:
        answer = self._fetch(uids, parts)
        # Some servers tell the uid after the text, in the piece that closes the answer.
        closings = [*answer[1:], None]
        return {
            uid: piece[1]
            for piece, closing in zip(answer, closings, strict=True)
            if isinstance(piece, tuple) and _BODY.search(piece[0]) and (uid := _uid_of(piece[0], closing)) is not None
        }

    def _fetch(self, uids: Sequence[int], parts: str) -> list[Any]:
        uid_set = _uid_set(uids)
        status, answer = self._insist(lambda: self._connection.client.uid("FETCH", uid_set, parts))
        if status != "OK":
            raise InboxLost(_refused_words(self._account))
        return answer

    def _insist(self, ask: Callable[[], T]) -> T:
        """What `ask` returns; while the connection is lost, make it again and ask again."""
        with suppress(*_LOST):
            return self._ask(ask)
        for pause in RECONNECT_PAUSES:
            self._beat()
            time.sleep(pause)
            with suppress(*_LOST, imaplib.IMAP4.error):
                self._reconnect()
                return self._ask(ask)
        raise InboxLost(_lost_words(self._account))

    def _ask(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except imaplib.IMAP4.abort:
            raise
        except (imaplib.IMAP4.error, ImapToolsError) as error:
            raise InboxLost(_refused_words(self._account)) from error

    def _reconnect(self) -> None:
        self.close()
        try:
            connection = _open(self._account)
        except ImapToolsError as error:
            # It answers again, and wants another password or has lost the folder.
            raise RunRejected(_words(self._account, error)) from error
        if _uidvalidity(connection) != self.uidvalidity:
            _hang_up(connection)
            raise InboxRenumbered
        self._connection = connection

    def close(self) -> None:
        """Say goodbye to the server, if it still listens."""
        _hang_up(self._connection)


@contextmanager
def open_inbox(account: Account, *, beat: Callable[[], None] = lambda: None) -> Iterator[Inbox]:
    """Sign in, open the account's folder read-only, and close it after the block.

    `beat` is called while a lost connection is being made again. Raises RunRejected, with
    words that the user can act on, when the account can't be opened as it is configured.
    """
    try:
        connection = _open(account)
    except _REFUSALS as error:
        raise RunRejected(_words(account, error)) from error
    inbox = Inbox(account, connection, beat=beat)
    try:
        yield inbox
    finally:
        inbox.close()


def _open(account: Account) -> BaseMailBox:
    _check(account)
    connection = _dial(account)
    try:
        if account.security == "starttls":
            connection.client.starttls(ssl.create_default_context())
        _sign_in(connection, account)
        connection.folder.set(account.folder, readonly=True)
    except BaseException:
        _hang_up(connection)
        raise
    return connection


def _check(account: Account) -> None:
    """Refuse what could smuggle a second command into the connection."""
    if _CONTROL.search(account.username + account.secret + account.folder):
        raise RunRejected(_("The user name, the password or the folder contains a character that is not allowed."))


def _dial(account: Account) -> BaseMailBox:
    if account.security == "ssl":
        context = ssl.create_default_context()
        return MailBox(account.host, account.port, account.timeout, ssl_context=context)
    return MailBoxUnencrypted(account.host, account.port, account.timeout)


def _sign_in(connection: BaseMailBox, account: Account) -> None:
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
        raise MailboxLoginError(("NO", []), "OK") from error


def _words(account: Account, error: Exception) -> str:
    if isinstance(error, MailboxLoginError):
        return _login_words(account)
    if account.security == "starttls" and isinstance(error, imaplib.IMAP4.abort):
        # So imaplib says that the server doesn't offer STARTTLS.
        error = ssl.SSLError(str(error))
    words = next(words for kind, words in _REASONS if isinstance(error, kind))
    return str(words) % {"host": account.host, "port": account.port, "folder": account.folder}


# The first that fits: the narrow kinds of errors stand before the wide ones.
_REASONS: Final[tuple[tuple[type[Exception], Any], ...]] = (
    (
        MailboxFolderSelectError,
        gettext_lazy('There is no folder "%(folder)s" in this mailbox. Check its name.'),
    ),
    (
        ssl.SSLCertVerificationError,
        gettext_lazy(
            "The certificate of %(host)s could not be verified, so nothing was sent to it."
            " Check the name of the server."
        ),
    ),
    (
        ssl.SSLError,
        gettext_lazy(
            "No encrypted connection to %(host)s port %(port)s could be made."
            " Check the port and the security setting (SSL or STARTTLS)."
        ),
    ),
    (
        socket.gaierror,
        gettext_lazy("There is no mail server named %(host)s. Check the name."),
    ),
    (
        UnicodeError,
        gettext_lazy("There is no mail server named %(host)s. Check the name."),
    ),
    (
        ConnectionRefusedError,
        gettext_lazy("%(host)s refused the connection on port %(port)s. Check server and port."),
    ),
    (
        TimeoutError,
        gettext_lazy("%(host)s did not answer on port %(port)s in time. Check server, port and security setting."),
    ),
    (
        OSError,
        gettext_lazy("%(host)s could not be reached on port %(port)s."),
    ),
    (
        Exception,
        gettext_lazy(
            "%(host)s does not answer as a mail server on port %(port)s."
            " Check the port and the security setting, or try again later."
        ),
    ),
)


def _login_words(account: Account) -> str:
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


def _lost_words(account: Account) -> str:
    return _(
        "The connection to %(host)s was lost and could not be made again after %(tries)d tries."
        " A retry goes on where the sync stopped."
    ) % {"host": account.host, "tries": len(RECONNECT_PAUSES)}


def _refused_words(account: Account) -> str:
    return _("%(host)s refused to hand out messages. Try again later.") % {"host": account.host}


def _hang_up(connection: BaseMailBox) -> None:
    with suppress(*_LOST, imaplib.IMAP4.error, ImapToolsError):
        connection.logout()
    # A logout that failed halfway leaves the socket open.
    with suppress(*_LOST, imaplib.IMAP4.error):
        connection.client.shutdown()


def _uidvalidity(connection: BaseMailBox) -> int:
    values: list[Any] = connection.client.untagged_responses.get("UIDVALIDITY", [])
    # A server must say it. One that doesn't gets a constant: nothing could tell it apart.
    return int(values[-1]) if values else 0


def _letter(uid: int, size: int | None, raw: bytes | None, *, max_bytes: int) -> Letter:
    if size is not None and size > max_bytes:
        return Letter(uid, size, None, too_large=True)
    if not raw:
        return Letter(uid, size or 0, None, vanished=True)
    if len(raw) > max_bytes:
        return Letter(uid, len(raw), None, too_large=True)
    return Letter(uid, len(raw), raw)


def _uid_of(opening: bytes, closing: Any) -> int | None:
    found = _UID.search(opening) or (isinstance(closing, bytes) and _UID.search(closing))
    return int(found[1]) if found else None


def _chunks(uids: Sequence[int], length: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(uids), length):
        yield uids[start : start + length]


def _batches(uids: Iterable[int], sizes: dict[int, int], max_bytes: int) -> Iterator[list[int]]:
    """Groups to fetch at once: a message above BATCH_BYTES is alone in its group."""
    batch: list[int] = []
    weight = 0
    for uid in uids:
        # What is too large is not fetched, and weighs nothing.
        size = sizes.get(uid, 0) if sizes.get(uid, 0) <= max_bytes else 0
        if batch and (len(batch) == BATCH_MESSAGES or weight + size > BATCH_BYTES):
            yield batch
            batch, weight = [], 0
        batch.append(uid)
        weight += size
    if batch:
        yield batch


def _uid_set(uids: Sequence[int]) -> str:
    """IMAP's short form: 1,2,3,7 is "1:3,7"."""
    ranges: list[list[int]] = []
    for uid in uids:
        if ranges and uid == ranges[-1][1] + 1:
            ranges[-1][1] = uid
        else:
            ranges.append([uid, uid])
    return ",".join(str(low) if low == high else f"{low}:{high}" for low, high in ranges)
