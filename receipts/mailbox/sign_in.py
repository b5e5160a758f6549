"""How a client signs in to a mail server: password or OAuth 2 token."""

from __future__ import annotations

import imaplib
import re

from django.utils.translation import gettext as _
from imap_tools import BaseMailBox
from imap_tools.errors import MailboxLoginError

from receipts.mailbox.imap_client import BoundedIMAP
from runs.exceptions import RunRejected

from .account import Account

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class MailBox(BaseMailBox):
    """imap-tools' mailbox over a client that is connected already."""

    client: BoundedIMAP

    def __init__(self, client: BoundedIMAP) -> None:
        self._own_client = client
        super().__init__()

    def _get_mailbox_client(self) -> BoundedIMAP:
        return self._own_client


def check_credentials(account: Account) -> None:
    """Reject control characters: a line break in a credential would inject a second IMAP command."""
    if _CONTROL.search(account.username + account.secret + account.folder):
        raise RunRejected(_("The user name, the password or the folder contains a character that is not allowed."))


def sign_in(connection: MailBox, account: Account) -> None:
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
