"""Mailboxes for the demo, tests and benchmarks: real mail, generated, always the same.

Needs the packages of requirements-dev.txt; nothing of the application imports it.
"""

from functools import cache
from typing import Final

from demo.mailboxes import letters
from demo.mailboxes.hostile import MAILS
from demo.mailboxes.letters import DemoMail, Recipe
from demo.mailboxes.receipts import Truth
from demo.mailboxes.server import ServedMailbox, StoredMail

__all__ = ["ACCOUNTS", "PASSWORD", "DemoMail", "Truth", "corpus", "served_mailbox", "truths"]

# Public on purpose: the server listens on the loopback only, and there is nothing to steal.
PASSWORD: Final = "demo-only"  # noqa: S105
MAILBOX_A: Final = "a@demo.test"
MAILBOX_B: Final = "b@demo.test"
ACCOUNTS: Final = (MAILBOX_A, MAILBOX_B)

# A constant, so that a restart of the server doesn't renumber the mails.
UIDVALIDITY: Final = 20240102

_RECIPES: Final[dict[str, tuple[tuple[Recipe, int], ...]]] = {
    MAILBOX_A: (
        (letters.with_pdf, 200),
        (letters.with_html, 155),
        (letters.with_text, 135),
        (letters.newsletter, 110),
        (letters.conversation, 70),
        (letters.sent_twice, 20),
        (letters.forwarded, 20),
        (letters.unclear, 12),
        (letters.photographed, 8),
        (letters.odd_but_fine, 4),
        *((letters.broken(number), 1) for number in range(len(MAILS))),
    ),
    MAILBOX_B: (
        (letters.with_pdf, 40),
        (letters.with_html, 20),
        (letters.with_text, 20),
        (letters.newsletter, 20),
        (letters.sent_twice, 3),
        (letters.unclear, 4),
        (letters.broken(9), 1),
    ),
}


@cache
def corpus(account: str) -> tuple[DemoMail, ...]:
    """All the mails of a demo account, in the order of their uids, which start at 1."""
    mails = letters.write_mailbox(account, _RECIPES[account])
    return (*mails, letters.refunded(letters.Slot(account, len(mails)), mails))


def truths(account: str) -> dict[str, tuple[Truth, ...]]:
    """The facts on the clean receipts of an account, by Message-ID, without copies."""
    return {mail.message_id: mail.truths for mail in corpus(account) if mail.kind == "clean"}


def served_mailbox(account: str) -> ServedMailbox:
    """The account's mailbox, for `demo.mailboxes.server`."""
    mails = [StoredMail(mail.uid, mail.received_at, mail.raw, mail.padded_to) for mail in corpus(account)]
    return ServedMailbox(account, PASSWORD, UIDVALIDITY, mails, folders=("Archive", "חשבוניות"))
