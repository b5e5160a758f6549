"""G3 for receipts: every message of a mailbox is settled, and the stored receipts are those in its mail."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from django.core.files.storage import default_storage
from django.db.models import Q

from receipts.models import Mailbox, Receipt, ReceiptSyncRun
from runs.states import ItemStatus, Status

from .findings import Finding
from .logs import Fetch, Logs, Mail


def check(finding: Finding, logs: Logs) -> None:
    _check_files(finding)
    served: dict[str, list[Mail]] = defaultdict(list)
    for mail in logs.read(Mail):
        served[mail.account].append(mail)
    fetches = Counter((fetch.account, fetch.uid) for fetch in logs.read(Fetch))
    for account, mails in served.items():
        for mailbox in Mailbox.objects.filter(username=account):
            _check_mailbox(finding, mailbox, mails, fetches)


def _check_files(finding: Finding) -> None:
    for pk, name, digest in Receipt.objects.exclude(file="").values_list("pk", "file", "attachment_sha256").iterator():
        finding.count("files of receipts")
        if digest not in name or not default_storage.exists(name):
            finding.violate(f"receipt {pk} names the file {name}, which isn't there")


def _check_mailbox(finding: Finding, mailbox: Mailbox, mails: list[Mail], fetches: Counter[tuple[str, int]]) -> None:
    whole = Q(mode=ReceiptSyncRun.Mode.FULL) | Q(mode=ReceiptSyncRun.Mode.INCREMENTAL)
    runs = ReceiptSyncRun.objects.filter(whole, mailbox=mailbox)
    attempts = sum(ReceiptSyncRun.objects.filter(mailbox=mailbox).values_list("attempt", flat=True))
    keys = {f"{mail.uidvalidity}:{mail.uid}" for mail in mails}
    finding.count("messages on mail servers", len(mails))
    finding.count("messages that they handed out", sum(fetches[mailbox.username, mail.uid] for mail in mails))
    first = runs.filter(status=Status.COMPLETED).order_by("pk").first()
    if first is None:
        return
    _check_items(finding, first, keys)
    for mail in mails:
        handed_out = fetches[mailbox.username, mail.uid]
        if not 1 <= handed_out <= attempts:
            finding.violate(f"{mailbox}: message {mail.uid} was fetched {handed_out} times by {attempts} attempts")
    _check_receipts(finding, mailbox, mails)


def _check_items(finding: Finding, run: ReceiptSyncRun, keys: set[str]) -> None:
    items: Any = run.items
    scanned = dict(items.values_list("key", "status"))
    finding.count("messages that syncs have scanned", len(scanned))
    if scanned.keys() != keys:
        lost, strange = sorted(keys - scanned.keys()), sorted(scanned.keys() - keys)
        finding.violate(f"receipt_sync {run.pk} is completed: never scanned {lost}, never there {strange}")
    for key, status in scanned.items():
        if status not in (ItemStatus.DONE, ItemStatus.SKIPPED, ItemStatus.FAILED):
            finding.violate(f"receipt_sync {run.pk} is completed, and its message {key} is {status}")


def _check_receipts(finding: Finding, mailbox: Mailbox, mails: list[Mail]) -> None:
    """Mail whose receipts are known gives exactly these; copies of a mail add none."""
    failed = set(
        ReceiptSyncRun.objects.filter(mailbox=mailbox, items__status=ItemStatus.FAILED).values_list(
            "items__key", flat=True
        )
    )
    rows = Receipt.objects.filter(business=mailbox.business_id).values_list(
        "message_id", "vendor", "amount", "currency"
    )
    found: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for message_id, vendor, amount, currency in rows:
        finding.count("receipts")
        found[message_id].add((vendor, str(amount), currency))
    for mail in mails:
        known = {(vendor, amount, currency) for vendor, amount, currency in mail.receipts}
        if known and f"{mail.uidvalidity}:{mail.uid}" not in failed:
            finding.count("messages whose receipts are known")
            if found[mail.message_id] != known:
                finding.violate(f"{mailbox}: message {mail.uid} has {known}, found {found[mail.message_id] or 'none'}")
    if strange := found.keys() - {mail.message_id for mail in mails}:
        finding.violate(f"{mailbox}: receipts of messages that were never there: {sorted(strange)}")
