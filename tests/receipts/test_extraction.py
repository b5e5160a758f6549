"""What is read in mail: right facts in clean mail, doubts in unclear mail, a reason for broken mail."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.conf import settings
from pytest_django import Settings

from demo import mailboxes
from demo.mailboxes import mime
from demo.mailboxes.letters import DemoMail
from demo.mailboxes.papers import Paper, drawn
from demo.mailboxes.server import serve
from receipts.extraction.scan import Finding
from receipts.models import Mailbox, ReceiptSyncRun
from receipts.scanner.scanner import Scanner
from receipts.sync.mailbox_sync import sync_mailbox
from runs.lifecycle import dispatch
from runs.models import Business
from tests.actors import work_through

ACCOUNTS = (mailboxes.MAILBOX_A, mailboxes.MAILBOX_B)


@pytest.fixture(scope="module")
def scanner() -> Iterator[Scanner]:
    with Scanner() as running:
        yield running


def mails(account: str, kind: str) -> list[DemoMail]:
    found = [mail for mail in mailboxes.corpus(account) if mail.kind == kind]
    assert found
    return found


def findings(mail: DemoMail, scanner: Scanner) -> list[Finding]:
    return [finding for _document, finding in scanner.scan(mail.raw).findings]


@pytest.mark.parametrize("account", ACCOUNTS)
def test_every_clean_receipt_is_read_right(account: str, scanner: Scanner) -> None:
    for mail in mails(account, "clean"):
        read = [
            mailboxes.Truth(f.vendor, f.amount, f.currency, f.issued_on, f.invoice_number)  # type: ignore[arg-type]
            for f in findings(mail, scanner)
        ]
        assert read == list(mail.truths), mail.message_id


@pytest.mark.parametrize("account", ACCOUNTS)
def test_other_mail_is_no_receipt(account: str, scanner: Scanner) -> None:
    for mail in mails(account, "other"):
        assert findings(mail, scanner) == [], mail.message_id


@pytest.mark.parametrize("account", ACCOUNTS)
def test_doubtful_receipts_are_marked_and_no_fact_is_invented(account: str, scanner: Scanner) -> None:
    for mail in mails(account, "review"):
        for finding in findings(mail, scanner):
            assert finding.needs_review, mail.message_id


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("seconds", "never_ends"), [(20, False), (1, True)], ids=["a slow machine also fills the memory", "never ends"]
)
def test_every_broken_message_is_one_failed_item_with_its_own_reason(
    business_a: Business, settings: Settings, seconds: int, *, never_ends: bool
) -> None:
    settings.RECEIPTS_PDF_SECONDS = seconds
    broken = {
        mail.uid: mail.fails_with
        for mail in mails(mailboxes.MAILBOX_A, "broken")
        if (mail.fails_with == "pdf_timeout") is never_ends
    }
    assert broken
    whole = mailboxes.served_mailbox(mailboxes.MAILBOX_A)
    with serve([replace(whole, mails=[mail for mail in whole.mails if mail.uid in broken])]) as server:
        mailbox = Mailbox.objects.create(
            business=business_a,
            host="127.0.0.1",
            port=server.port,
            security=Mailbox.Security.PLAIN,
            username=mailboxes.MAILBOX_A,
            secret=mailboxes.PASSWORD,
        )
        run = work_through(dispatch.start(ReceiptSyncRun, business_a, mailbox=mailbox), sync_mailbox)
    assert (run.status, run.processed, run.failed) == ("completed", len(broken), len(broken))
    codes = {int(item.key.partition(":")[2]): item.error_code for item in run.items.all()}
    assert codes == broken
    assert all(item.error_message for item in run.items.all())


def test_a_worker_that_has_grown_large_uses_one_child_for_all_its_mail() -> None:
    """On Linux a child inherits its parent's peak of memory, which must not count against its limit."""
    paper = drawn(Paper("Acme Ltd", ["Invoice number: 5"], [], [("Total due:", "$5.00")]))
    invoice = mime.attachment(paper, "invoice.pdf", "application/pdf")
    letter = mime.mail([("From", "a@b.test")], mime.multipart([invoice]))
    program = f"""
import django, psutil
django.setup()
ballast = bytearray(b"x") * 250_000_000
from receipts.scanner.scanner import Scanner
with Scanner() as scanner:
    children = set()
    for _ in range(3):
        assert scanner.scan({letter!r}).is_candidate
        children |= {{child.pid for child in psutil.Process().children()}}
print(len(children))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "1", done.stdout + done.stderr
