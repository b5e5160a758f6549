"""One sync of one mailbox: lists the messages that remain, and processes each. Independent of Celery."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

from django.conf import settings
from django.utils.translation import gettext as _

from runs.database import retry_while_database_is_away
from runs.progress.progress import Progress
from runs.states import ItemStatus

from ..mailbox.account import InboxUnreachable
from ..mailbox.fetch_failures import FetchFailures
from ..mailbox.inbox import Inbox, open_inbox
from ..mailbox.letter_fetcher import LetterFetcher
from ..models import ReceiptSyncRun
from ..scanner.scanner import Scanner
from .letter_processing import fetch_outdated_message_ids, process_letter
from .outage import Outage

# Enough to keep the scanner busy while a receipt is stored.
MESSAGES_AHEAD = 8

# A message to process: its UID, or the item's key where the server has renumbered its messages since.
Target = int | str


def sync_mailbox(run: ReceiptSyncRun, progress: Progress) -> None:
    """Process the messages that the run's mode selects, from its cursor on. While the mail server is away, wait."""
    if run.mode == run.Mode.SELECTED:
        progress.reload_counts()  # the pending items are what remains
    count_receipts(run, progress)
    with Scanner(beat=progress.beat) as scanner:
        MailboxSync(run, progress, scanner).process_all()
    count_receipts(run, progress)


def count_receipts(run: ReceiptSyncRun, progress: Progress) -> None:
    """A crash leaves receipts that were never counted, and so does a commit whose answer was lost."""
    run.receipts_found = retry_while_database_is_away(run.receipts.count)
    progress.note(receipts_found=run.receipts_found)


class MailboxSync:
    """One attempt, over as many connections as it needs."""

    def __init__(self, run: ReceiptSyncRun, progress: Progress, scanner: Scanner) -> None:
        self._run = run
        self._progress = progress
        self._scanner = scanner
        self._outage = Outage(progress, run.mailbox)
        self._failures = FetchFailures.from_json(run.cursor.get("failures", {}))
        self._outdated = retry_while_database_is_away(fetch_outdated_message_ids, run)
        # The UID of the last finished message, and the UIDVALIDITY and the mailbox's place under which it was assigned.
        self._uidvalidity: int | None = run.cursor.get("uidvalidity")
        self._location: str = run.cursor.get("location", "")  # "" before the first connection, and in old cursors
        self._uid: int = run.cursor.get("uid", 0)

    def process_all(self) -> None:
        while True:
            # The mailbox may have been reconfigured while the run was waiting.
            retry_while_database_is_away(self._run.mailbox.refresh_from_db)
            try:
                with open_inbox(
                    self._run.mailbox.build_imap_account(),
                    max_bytes=settings.RECEIPTS_MAX_MESSAGE_BYTES,
                    beat=self._progress.beat,
                ) as inbox:
                    self._process_remaining(inbox)
                    return
            except InboxUnreachable as error:
                unreachable = error
            self._scanner.discard_ahead()  # after the wait, other messages may come next
            if self._uidvalidity is not None:  # the next attempt must know which numbering it is
                failures = self._failures.as_json(after=self._uid)
                self._progress.remember(uidvalidity=self._uidvalidity, location=self._location, failures=failures)
            self._outage.wait(unreachable)

    def _process_remaining(self, inbox: Inbox) -> None:
        """Raises InboxUnreachable when the connection is lost; what was finished until then is checkpointed."""
        run, progress = self._run, self._progress
        if not run.mailbox.has_been_opened:
            progress.fenced(run.mailbox.mark_opened, inbox.uidvalidity)
        if self._has_moved() or self._uidvalidity not in (None, inbox.uidvalidity):
            self._start_over()
        self._uidvalidity = inbox.uidvalidity
        self._location = self._location or run.mailbox.location_digest
        targets = self._list_remaining(inbox)
        uids = [target for target in targets if isinstance(target, int)]
        if uids:
            self._scanner.start()
        letters = LetterFetcher(inbox, uids, max_bytes=settings.RECEIPTS_MAX_MESSAGE_BYTES, failures=self._failures)

        def key_at(place: int) -> str:
            return self._item_key(targets[place])

        # `closing`: a lost connection must end the loop at once, as the item that is open is begun again.
        with closing(progress.track(range(len(targets)), total=len(targets), key=key_at)) as loop:
            for place in loop:
                target = targets[place]
                following = targets[place + 1 : place + 1 + MESSAGES_AHEAD]
                with progress.item(key_at(place)):
                    self._process_target(target, following, letters)
                self._checkpoint(target)
        if run.mode in (run.Mode.INCREMENTAL, run.Mode.FULL) and self._uid:
            progress.fenced(run.mailbox.mark_read, inbox.uidvalidity, self._uid)

    def _has_moved(self) -> bool:
        """Whether somebody pointed the mailbox to another place, which may have the same UIDVALIDITY."""
        return self._location not in ("", self._run.mailbox.location_digest)

    def _start_over(self) -> None:
        """The server has a new UIDVALIDITY, or it is another mailbox: the old UIDs may belong to other messages now."""
        self._uid, self._failures = 0, FetchFailures()
        if self._run.mode == self._run.Mode.SELECTED:
            return  # pending items fail as renumbered, and the others are finished
        self._location = ""
        self._progress.report()  # writes the last items, which would otherwise be written after the deletion
        # Items first: after a crash in between, the cursor still has the old place, and the sync starts over.
        self._progress.fenced(self._run.items.all().delete)
        self._progress.start_over()

    def _list_remaining(self, inbox: Inbox) -> Sequence[Target]:
        """The messages that the run's mode selects, after its cursor, ascending."""
        run = self._run
        if run.mode == run.Mode.SELECTED:
            return self._list_selected()
        if run.mode == run.Mode.RANGE:
            return inbox.uids(after=self._uid, since=run.from_date, before=run.to_date)
        if run.mode == run.Mode.INCREMENTAL and run.mailbox.uidvalidity == inbox.uidvalidity:
            return inbox.uids(after=max(self._uid, run.mailbox.last_uid))
        return inbox.uids(after=self._uid)

    def _list_selected(self) -> list[Target]:
        """The pending items of the run, which was started with them; first those that the server has renumbered.

        All are renumbered where the mailbox points to another place than that of the items.
        """
        self._progress.report()  # writes what an earlier connection finished, or it would be pending
        pending = self._run.items.filter(status=ItemStatus.PENDING).values_list("key", flat=True)
        current = f"{self._uidvalidity}:"
        if self._has_moved():
            return [*sorted(pending)]
        return [
            *sorted(key for key in pending if not key.startswith(current)),
            *sorted(int(key.removeprefix(current)) for key in pending if key.startswith(current)),
        ]

    def _item_key(self, target: Target) -> str:
        return target if isinstance(target, str) else f"{self._uidvalidity}:{target}"

    def _scannable_ahead(self, following: Sequence[Target], letters: LetterFetcher) -> Iterator[bytes]:
        """Those of the following messages that may be scanned while the one before them is stored.

        None in suspect mode: there only the open item is worked on, so that a death is attributed to it. Poison items
        are left out, as they are never scanned.
        """
        if self._progress.is_suspect:
            return
        poison = self._run.poison_items
        for target in following:
            if isinstance(target, int) and not (poison and self._item_key(target) in poison):
                raw = letters.find_fetched(target)
                if raw is not None:
                    yield raw

    def _process_target(self, target: Target, following: Sequence[Target], letters: LetterFetcher) -> None:
        if isinstance(target, str):
            self._fail_renumbered(target)
            return
        letter = letters.take_letter(target)
        if not letter.given_up:
            self._outage.end()
        if not self._progress.is_suspect:
            letters.fetch_ahead(target)
        process_letter(
            self._run,
            self._progress,
            self._scanner,
            letter,
            key=self._item_key(target),
            outdated=self._outdated,
            following=self._scannable_ahead(following, letters),
        )

    def _fail_renumbered(self, key: str) -> None:
        message = _("The mail server has renumbered its messages. Sync the whole mailbox to find this one.")
        headline = self._run.items.values("subject", "sender").get(key=key)
        self._progress.failed(key, message, code="renumbered", **headline)

    def _checkpoint(self, target: Target) -> None:
        if isinstance(target, int):
            self._uid = target
        self._progress.checkpoint(uidvalidity=self._uidvalidity, location=self._location, uid=self._uid)
