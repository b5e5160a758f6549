"""One sync of one mailbox: finds the messages that are left, scans and stores each. Independent of Celery."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _

from runs.database import retry_while_database_is_away
from runs.exceptions import ItemFailed
from runs.progress.progress import Progress
from runs.states import ItemStatus
from runs.text import clean

from ..findings import EXTRACTOR_VERSION, Document, Finding, Scanned, needs_mail
from ..mailbox.account import InboxUnreachable
from ..mailbox.inbox import FetchFailures, Inbox, Letter, Letters, open_inbox
from ..message.headers import header_text, split_message
from ..models import Receipt, ReceiptSyncRun
from ..scanner.scanner import Scanner
from .outage import Outage
from .storing import doubt_receipts, store_receipts

# Enough to name a message that could not be opened.
HEADER_BYTES = 64 * 1024
HEADER_LINES = 1_000

# Enough to keep the scanner busy while a receipt is stored.
MESSAGES_AHEAD = 8

MESSAGE_ID_CHARACTERS = Receipt._meta.get_field("message_id").max_length

# A message on its way: its UID, or the key of one whose number means nothing any more.
Target = int | str


def sync(run: ReceiptSyncRun, progress: Progress) -> None:
    """Scan the messages that the run's mode asks for, from its cursor on. While the mail server is away, wait."""
    with Scanner(beat=progress.beat) as scanner:
        MailboxSync(run, progress, scanner).scan_to_the_end()


class MailboxSync:
    """One attempt, over as many connections as it takes."""

    def __init__(self, run: ReceiptSyncRun, progress: Progress, scanner: Scanner) -> None:
        self._run = run
        self._progress = progress
        self._scanner = scanner
        self._outage = Outage(progress, run.mailbox)
        self._failures = FetchFailures.from_json(run.cursor.get("failures", {}))
        self._outdated = retry_while_database_is_away(outdated_messages, run)
        # The last message that was finished, and the numbering it is from.
        self._uidvalidity: int | None = run.cursor.get("uidvalidity")
        self._uid: int = run.cursor.get("uid", 0)

    def scan_to_the_end(self) -> None:
        while True:
            # The mailbox may have been reconfigured while the run was waiting.
            retry_while_database_is_away(self._run.mailbox.refresh_from_db)
            try:
                with open_inbox(
                    self._run.mailbox.account(),
                    max_bytes=settings.RECEIPTS_MAX_MESSAGE_BYTES,
                    beat=self._progress.beat,
                ) as inbox:
                    self._scan(inbox)
                    return
            except InboxUnreachable as error:
                unreachable = error
            self._scanner.discard_ahead()  # the wait may be long, and the message may be gone after it
            if self._uidvalidity is not None:  # the next attempt must know which numbering it is
                failures = self._failures.as_json(after=self._uid)
                self._progress.remember(uidvalidity=self._uidvalidity, failures=failures)
            self._outage.wait(unreachable)

    def _scan(self, inbox: Inbox) -> None:
        """All that is left. Raises InboxUnreachable in the middle of it."""
        run, progress = self._run, self._progress
        if not run.mailbox.has_been_opened:
            progress.fenced(run.mailbox.mark_opened, inbox.uidvalidity)
        if self._uidvalidity not in (None, inbox.uidvalidity):
            self._start_over(inbox)
        self._uidvalidity = inbox.uidvalidity
        targets = self._left(inbox)
        uids = [target for target in targets if isinstance(target, int)]
        if uids:
            self._scanner.start()
        letters = inbox.letters(uids, max_bytes=settings.RECEIPTS_MAX_MESSAGE_BYTES, failures=self._failures)
        # Closed at once when the connection is lost in its middle: the item that was open is begun again.
        places = range(len(targets))
        with closing(progress.track(places, total=len(targets), key=lambda place: self._key(targets[place]))) as loop:
            for place in loop:
                target = targets[place]
                following = targets[place + 1 : place + 1 + MESSAGES_AHEAD]
                with progress.item(self._key(target)):
                    self._scan_message(target, following, letters)
                self._checkpoint(target)
        if run.mode in (run.Mode.INCREMENTAL, run.Mode.FULL) and self._uid:
            progress.fenced(run.mailbox.mark_read, inbox.uidvalidity, self._uid)

    def _start_over(self, inbox: Inbox) -> None:
        """The server has a new UIDVALIDITY: the old UIDs no longer tell which messages were read."""
        self._uid, self._failures = 0, FetchFailures()
        if self._run.mode == self._run.Mode.SELECTED:
            return  # the pending items have no UID any more, and the others are done
        self._progress.report()  # the last items may not be written yet, and must be to be forgotten
        # Items first: after a crash in between, the cursor still has the old UIDVALIDITY, and the sync starts over.
        self._progress.fenced(self._forget_items, inbox.uidvalidity)
        self._progress.start_over()

    def _forget_items(self, uidvalidity: int) -> None:
        self._run.items.exclude(key__startswith=f"{uidvalidity}:").delete()

    def _left(self, inbox: Inbox) -> Sequence[Target]:
        """The messages of the run's mode after its cursor, ascending."""
        run = self._run
        if run.mode == run.Mode.SELECTED:
            return self._selected()
        if run.mode == run.Mode.RANGE:
            return inbox.uids(after=self._uid, since=run.from_date, before=run.to_date)
        if run.mode == run.Mode.INCREMENTAL and run.mailbox.uidvalidity == inbox.uidvalidity:
            return inbox.uids(after=max(self._uid, run.mailbox.last_uid))
        return inbox.uids(after=self._uid)

    def _selected(self) -> list[Target]:
        """The messages that the run was made with; first those whose numbers mean nothing any more."""
        self._progress.report()  # what was done on an earlier connection may not be written yet
        pending = self._run.items.filter(status=ItemStatus.PENDING).values_list("key", flat=True)
        current = f"{self._uidvalidity}:"
        return [
            *sorted(key for key in pending if not key.startswith(current)),
            *sorted(int(key.removeprefix(current)) for key in pending if key.startswith(current)),
        ]

    def _key(self, target: Target) -> str:
        return target if isinstance(target, str) else f"{self._uidvalidity}:{target}"

    def _ahead(self, following: Sequence[Target], letters: Letters) -> Iterator[bytes]:
        """The messages that may be scanned while the one before them is stored.

        In suspect mode only the open item is worked on, so that a death is attributed to it. Poison items are skipped.
        """
        if self._progress.is_suspect:
            return
        poison = self._run.poison_items
        for target in following:
            if isinstance(target, int) and not (poison and self._key(target) in poison):
                raw = letters.fetched(target)
                if raw is not None:
                    yield raw

    def _scan_message(self, target: Target, following: Sequence[Target], letters: Letters) -> None:
        if isinstance(target, str):
            self._fail_renumbered(target)
            return
        letter = letters.take(target)
        if not letter.given_up:
            self._outage.end()
        if not self._progress.is_suspect:
            letters.fetch_ahead(target)
        handle(
            self._run,
            self._progress,
            self._scanner,
            letter,
            key=self._key(target),
            outdated=self._outdated,
            ahead=self._ahead(following, letters),
        )

    def _fail_renumbered(self, key: str) -> None:
        words = _("The mail server has renumbered its messages. Sync the whole mailbox to find this one.")
        headline = self._run.items.values("subject", "sender").get(key=key)
        self._progress.failed(key, words, code="renumbered", **headline)

    def _checkpoint(self, target: Target) -> None:
        if isinstance(target, int):
            self._uid = target
        self._progress.checkpoint(uidvalidity=self._uidvalidity, uid=self._uid)


def outdated_messages(run: ReceiptSyncRun) -> frozenset[str]:
    """The Message-IDs of undecided receipts of an older extractor."""
    rows = Receipt.objects.outdated(EXTRACTOR_VERSION).filter(business=run.business_id)
    return frozenset(rows.values_list("message_id", flat=True))


def handle(
    run: ReceiptSyncRun,
    progress: Progress,
    scanner: Scanner,
    letter: Letter,
    *,
    key: str,
    outdated: Collection[str] = (),
    ahead: Iterable[bytes] = (),
) -> None:
    """Scan one message and report it as done, skipped or failed. `outdated`: see `outdated_messages`.

    While it is stored the scanner begins with `ahead`, the next messages. What becomes of each is its own item's.
    """
    try:
        scanned = scanner.scan(content_of(letter))
    except ItemFailed as error:
        progress.failed(key, error, code=error.code, **headline(letter))
        return
    scanner.scan_ahead(ahead)
    fields = {"subject": scanned.subject, "sender": scanned.sender}
    if scanned.is_candidate:
        with progress.item(key, subject=scanned.subject, sender=scanned.sender):
            store_documents(run, scanned)
            progress.fenced(store, run, scanned)
            _doubt(run, progress, scanned, outdated)
            progress.done(key, **fields, **_note(scanned.faults))
    elif scanned.faults:
        progress.failed(key, _reasons(scanned.faults), code=scanned.faults[0].code, **fields)
    else:
        _doubt(run, progress, scanned, outdated)
        progress.skipped(key, _("Not a receipt."), code="no_receipt", **fields)


def content_of(letter: Letter) -> bytes:
    """The message itself. ItemFailed when there is none."""
    if letter.raw is not None:
        return letter.raw
    if letter.too_large:
        words = _("The message is too large: %(size)d MB.") % {"size": letter.size // 1_000_000}
        raise ItemFailed(words, code="too_large")
    if letter.given_up:
        raise ItemFailed(_("The mail server can't deliver this message."), code="given_up")
    raise ItemFailed(_("The message was deleted before it could be read."), code="vanished")


def _note(faults: Sequence[ItemFailed]) -> dict[str, str]:
    """The error code and message of a done item, for the parts of its message that could not be read."""
    return {"error_code": faults[0].code, "error_message": _reasons(faults)} if faults else {}


def _reasons(faults: Sequence[ItemFailed]) -> str:
    return "\n".join(dict.fromkeys(_(str(fault)) for fault in faults))  # a line each, to be translated


def store(run: ReceiptSyncRun, scanned: Scanned) -> None:
    """Store what was found, inside a transaction. Safe to repeat: what a person decided about stays as it is."""
    store_receipts([_receipt(run, scanned, document, finding) for document, finding in scanned.findings])


def _doubt(run: ReceiptSyncRun, progress: Progress, scanned: Scanned, outdated: Collection[str]) -> None:
    """Mark for review what an older extractor found in this message and this one doesn't."""
    message_id = clean(scanned.message_id, MESSAGE_ID_CHARACTERS)
    if message_id in outdated:
        progress.fenced(doubt_receipts, run.business_id, message_id, EXTRACTOR_VERSION)


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
        is_refund=finding.is_refund,
        confidence=finding.confidence,
        needs_review=finding.needs_review,
        review_reasons=list(finding.review_reasons),
        extractor_version=EXTRACTOR_VERSION,
        message_text=scanned.text if needs_mail(document, finding) else "",
    )
    if document:
        receipt.attachment_sha256 = document.sha256
        receipt.filename = document.filename
        receipt.content_type = document.content_type
        receipt.file.name = path_of(run, document)
    return receipt


def store_documents(run: ReceiptSyncRun, scanned: Scanned) -> None:
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
