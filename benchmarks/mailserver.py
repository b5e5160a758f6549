"""A local IMAP server in a process of its own: `python -m benchmarks.mailserver 2000 USER PASSWORD`.

Prints its port when the mail is there, and serves until its standard input ends.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from demo import mailboxes
from demo.mailboxes import letters
from demo.mailboxes.letters import Recipe
from demo.mailboxes.server import ServedMailbox, StoredMail, serve

# The mailbox of an office: one mail in three is a receipt, one in eight has a PDF. Mail made to break its
# reader is left out: it would measure the limits that end it, which are the same on both sides.
PER_MILLE: tuple[tuple[Recipe, int], ...] = (
    (letters.newsletter, 340),
    (letters.conversation, 300),
    (letters.with_html, 110),
    (letters.with_pdf, 100),
    (letters.with_text, 90),
    (letters.sent_twice, 15),
    (letters.forwarded, 15),
    (letters.unclear, 15),
    (letters.photographed, 10),
    (letters.odd_but_fine, 5),
)


@contextmanager
def running(messages: int, account: str, password: str) -> Iterator[int]:
    """The port of a server with so many messages."""
    command = (sys.executable, "-m", "benchmarks.mailserver", str(messages), account, password)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield int(server.stdout.readline())
        finally:
            assert server.stdin is not None
            server.stdin.close()


def main() -> None:
    messages, account, password = int(sys.argv[1]), *sys.argv[2:]
    written = letters.write_mailbox(account, [(recipe, -(-share * messages // 1000)) for recipe, share in PER_MILLE])
    mails = [StoredMail(mail.uid, mail.received_at, mail.raw) for mail in written[:messages]]
    with serve([ServedMailbox(account, password, mailboxes.UIDVALIDITY, mails)]) as server:
        print(server.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
