"""An account on a mail server, and the exception for a server that can't be reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from runs.exceptions import RunsError

_GMAIL_HOSTS: Final = ("gmail.com", "googlemail.com")


class InboxUnreachable(RunsError):
    """The mail server can't be reached, or refuses the client's commands.

    Its message describes the problem in full. `waiting_reason` is the short form shown on the run while it waits,
    translated when it is shown. `is_misconfigured`: a mailbox that has never worked is rejected at once.
    """

    def __init__(self, message: object, waiting_reason: str, *, is_misconfigured: bool = False) -> None:
        super().__init__(message)
        self.waiting_reason = waiting_reason
        self.is_misconfigured = is_misconfigured


@dataclass(frozen=True)
class Account:
    """Where a mailbox is and how to sign in.

    `timeout`, in seconds, holds for every command; see `imap_client` for the time that a long response may take.
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
