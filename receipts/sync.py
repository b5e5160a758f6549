"""One sync of one mailbox: which messages are left, and what becomes of each. No Celery here."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from runs.exceptions import ItemFailed
from runs.progress import Progress

from .extraction import Finding, Scanned
from .inbox import Inbox, Letter, open_inbox
from .message import Document
from .mime import header_text, split_message
from .models import Receipt, ReceiptSyncRun
from .scanner import Scanner

# Enough to name a message that could not be opened.
HEADER_BYTES = 64 * 1024
HEADER_LINES = 1_000


def sync(run: ReceiptSyncRun, progress: Progress) -> None:
    """Scan the messages that the run's mode asks for, from its cursor on."""
    with (
        open_inbox(run.mailbox.account(), beat=progress.beat) as inbox,
        Scanner(beat=progress.beat) as scanner,
    ):
        uids = uids_left(run, inbox)
        letters = inbox.fetch(uids, max_bytes=settings.RECEIPTS_MAX_MESSAGE_BYTES)
        for letter in progress.track(letters, total=len(uids)):
            handle(run, progress, scanner, letter, key=f"{inbox.uidvalidity}:{letter.uid}")
            progress.checkpoint(uidvalidity=inbox.uidvalidity, uid=letter.uid)
        if run.mode in (run.Mode.INCREMENTAL, run.Mode.FULL) and uids:
            progress.fenced(run.mailbox.mark_read, inbox.uidvalidity, uids[-1])


def uids_left(run: ReceiptSyncRun, inbox: Inbox) -> list[int]:
    """The messages of the run's mode after its cursor, ascending; all of them if renumbered."""
    done = run.cursor.get("uid", 0) if run.cursor.get("uidvalidity") == inbox.uidvalidity else 0
    if run.mode == run.Mode.SELECTED:
        return [uid for uid in _selected_uids(run, inbox) if uid > done]
    if run.mode == run.Mode.RANGE:
        return inbox.uids(after=done, since=run.from_date, before=run.to_date)
    if run.mode == run.Mode.INCREMENTAL and run.mailbox.uidvalidity == inbox.uidvalidity:
        return inbox.uids(after=max(done, run.mailbox.last_uid))
    return inbox.uids(after=done)


def _selected_uids(run: ReceiptSyncRun, inbox: Inbox) -> list[int]:
    """The messages that the run was made with, as long as their numbers still mean anything."""
    keys = (key.split(":") for key in run.items.values_list("key", flat=True))
    return sorted(int(uid) for validity, uid in keys if int(validity) == inbox.uidvalidity)


def handle(run: ReceiptSyncRun, progress: Progress, scanner: Scanner, letter: Letter, *, key: str) -> None:
    """Scan one message and report it as done, skipped or failed."""
    try:
        scanned = scanner.scan(content_of(letter))
    except ItemFailed as error:
        progress.failed(key, error, code=error.code, **headline(letter))
        return
    fields = {"subject": scanned.subject, "sender": scanned.sender}
    if scanned.is_candidate:
        with progress.item(key, subject=scanned.subject, sender=scanned.sender):
            keep_documents(run, scanned)
            progress.fenced(store, run, scanned)
            progress.done(key, **fields, **_note(scanned.faults))
    elif scanned.faults:
        progress.failed(key, _reasons(scanned.faults), code=scanned.faults[0].code, **fields)
    else:
        progress.skipped(key, _("Not a receipt."), code="no_receipt", **fields)


def content_of(letter: Letter) -> bytes:
    """The message itself. ItemFailed when there is none."""
    if letter.raw is not None:
        return letter.raw
    if letter.too_large:
        words = _("The message is too large: %(size)d MB.") % {"size": letter.size // 1_000_000}
        raise ItemFailed(words, code="too_large")
    raise ItemFailed(_("The message was deleted before it could be read."), code="vanished")


def _note(faults: Sequence[ItemFailed]) -> dict[str, str]:
    """Says on an item that is done which parts of its message could not be read."""
    return {"error_code": faults[0].code, "error_message": _reasons(faults)} if faults else {}


def _reasons(faults: Sequence[ItemFailed]) -> str:
    return " ".join(dict.fromkeys(_(str(fault)) for fault in faults))


def store(run: ReceiptSyncRun, scanned: Scanned) -> None:
    """Keep what was found. Safe to repeat: a receipt that is there already stays as it is."""
    receipts = [_receipt(run, scanned, document, finding) for document, finding in scanned.findings]
    for receipt in receipts:
        receipt.fit_columns()
    Receipt.objects.bulk_create(receipts, ignore_conflicts=True)


def _receipt(run: ReceiptSyncRun, scanned: Scanned, document: Document | None, finding: Finding) -> Receipt:
    receipt = Receipt(
        business_id=run.business_id,
        mailbox_id=run.mailbox_id,
        message_id=scanned.message_id,
        subject=scanned.subject,
        sender=scanned.sender,
        received_at=scanned.sent_at,
        vendor=finding.vendor,
        amount=finding.amount,
        currency=finding.currency,
        issued_on=finding.issued_on,
        invoice_number=finding.invoice_number,
        confidence=finding.confidence,
        needs_review=finding.needs_review,
    )
    if document:
        receipt.attachment_sha256 = document.sha256
        receipt.filename = document.filename
        receipt.content_type = document.content_type
        receipt.file.name = path_of(run, document)
    return receipt


def keep_documents(run: ReceiptSyncRun, scanned: Scanned) -> None:
    """Store each attachment under its own hash, before the row that names it.

    A crash between the two leaves a file that the next sync finds in its place; one in the middle of writing, a file
    that is too short and is written again.
    """
    for document, _finding in scanned.findings:
        if document is None:
            continue
        path = path_of(run, document)
        if default_storage.exists(path):
            if default_storage.size(path) == len(document.content):
                continue
            default_storage.delete(path)
        default_storage.save(path, ContentFile(document.content))


def path_of(run: ReceiptSyncRun, document: Document) -> str:
    return f"receipts/{run.business_id}/{document.sha256[:2]}/{document.sha256}"


def headline(letter: Letter) -> dict[str, str]:
    """Subject and sender of a message that could not be opened, as far as they can be read."""
    lines = (letter.raw or b"")[:HEADER_BYTES].split(b"\n", HEADER_LINES)[:HEADER_LINES]
    headers, _body = split_message(memoryview(b"\n".join(lines)))
    return {name: header_text(headers, header) for name, header in (("subject", "subject"), ("sender", "from"))}
