"""Scans one letter, stores the receipts in it and reports its item as done, skipped or failed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from django.utils.translation import gettext as _

from runs.exceptions import ItemFailed
from runs.progress.progress import Progress

from ..findings import EXTRACTOR_VERSION, Scanned
from ..mailbox.letter import Letter
from ..message.headers import header_text, split_message
from ..models import Receipt, ReceiptSyncRun
from ..scanner.scanner import Scanner
from ..stored_messages import TOO_LARGE
from .finding_storage import describe_mail, store_documents, store_findings
from .storing import mark_outdated_for_review, message_ids_of

# Enough for the subject and the sender of a message that could not be opened.
HEADER_BYTES = 64 * 1024
HEADER_LINES = 1_000


def fetch_outdated_message_ids(run: ReceiptSyncRun) -> frozenset[str]:
    """The Message-IDs of undecided receipts that an older extractor found."""
    rows = Receipt.objects.outdated(EXTRACTOR_VERSION).filter(business=run.business_id)
    return frozenset(rows.values_list("message_id", flat=True))


def process_letter(
    run: ReceiptSyncRun,
    progress: Progress,
    scanner: Scanner,
    letter: Letter,
    *,
    key: str,
    outdated: Collection[str] = (),
    following: Iterable[bytes] = (),
) -> None:
    """`outdated`: see `fetch_outdated_message_ids`.

    While this letter is stored the scanner begins with the `following` messages. Each is reported under its own item.
    """
    try:
        scanned = scanner.scan(raw_message(letter))
    except ItemFailed as error:
        progress.failed(key, error, code=error.code, **read_headline(letter))
        return
    scanner.scan_ahead(following)
    fields = {"subject": scanned.subject, "sender": scanned.sender}
    if scanned.is_candidate:
        with progress.item(key, subject=scanned.subject, sender=scanned.sender):
            store_documents(run, scanned)
            run.receipts_found += progress.fenced(store_findings, run, scanned)
            progress.note(receipts_found=run.receipts_found)  # with the counters, so that a card says one thing
            _review_outdated(run, progress, scanned, outdated)
            progress.done(key, **fields, **_unread_parts(scanned.faults))
    elif scanned.faults:
        progress.failed(key, _join_messages(scanned.faults), code=scanned.faults[0].code, **fields)
    else:
        _review_outdated(run, progress, scanned, outdated)
        progress.skipped(key, _("Not a receipt."), code="no_receipt", **fields)


def raw_message(letter: Letter) -> bytes:
    """Raises ItemFailed for a letter whose message wasn't fetched."""
    if letter.raw is not None:
        return letter.raw
    if letter.too_large:
        raise ItemFailed(TOO_LARGE % {"size": letter.size // 1_000_000}, code="too_large")
    if letter.given_up:
        raise ItemFailed(_("The mail server can't deliver this message."), code="given_up")
    raise ItemFailed(_("The message was deleted before it could be read."), code="vanished")


def read_headline(letter: Letter) -> dict[str, str]:
    """Subject and sender of a message that could not be opened, as far as they can be read."""
    lines = (letter.raw or b"")[:HEADER_BYTES].split(b"\n", HEADER_LINES)[:HEADER_LINES]
    headers, _body = split_message(memoryview(b"\n".join(lines)))
    return {name: header_text(headers, header) for name, header in (("subject", "subject"), ("sender", "from"))}


def _review_outdated(run: ReceiptSyncRun, progress: Progress, scanned: Scanned, outdated: Collection[str]) -> None:
    """Mark for review the receipts of this message that an older extractor found and this one doesn't find."""
    if not outdated:
        return
    mail = describe_mail(run, scanned)
    if any(message_id in outdated for message_id in message_ids_of(mail)):
        progress.fenced(mark_outdated_for_review, mail, EXTRACTOR_VERSION)


def _unread_parts(faults: Sequence[ItemFailed]) -> dict[str, str]:
    """The error code and message of an item that is done though parts of its message could not be read."""
    return {"error_code": faults[0].code, "error_message": _join_messages(faults)} if faults else {}


def _join_messages(faults: Sequence[ItemFailed]) -> str:
    return "\n".join(dict.fromkeys(_(str(fault)) for fault in faults))  # one a line, each translated
