"""The messages of a mailbox, taken one by one and fetched in batches.

A mailbox of any size must pass through a small worker:

1. Sizes are fetched first (`message_sizes`).
2. Small messages are fetched in batches, bounded by count and bytes; a large one alone; one above `max_bytes` never.
3. The next batch is requested when few messages of the current one are left, so that the server prepares it while they
   are stored, and read when still fewer are. No more than one batch and READ_WITH_LEFT messages are in memory.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Final

from .account import InboxUnreachable
from .fetch_failures import FetchFailures
from .inbox import Inbox
from .letter import Letter
from .message_sizes import MessageSizes

BATCH_MESSAGES: Final = 50
BATCH_BYTES: Final = 4_000_000
# The next batch is read with so few messages of the current one left, and requested before.
READ_WITH_LEFT: Final = 8
REQUEST_WITH_LEFT: Final = 2 * READ_WITH_LEFT


class LetterFetcher:
    """Fetches the letters of these uids, which ascend. `failures` are those of the run's earlier connections."""

    def __init__(
        self, inbox: Inbox, uids: Sequence[int], *, max_bytes: int, failures: FetchFailures | None = None
    ) -> None:
        self._inbox = inbox
        self._uids = uids
        self._max_bytes = max_bytes
        self._failures = failures or FetchFailures()
        self._sizes = MessageSizes(inbox, uids, self._failures)
        self._fetched: dict[int, Letter] = {}
        self._read_next: Callable[[], dict[int, Letter]] | None = None  # reads the batch that was requested ahead
        self._failure: InboxUnreachable | None = None  # the error that fetching ahead met

    def take_letter(self, uid: int) -> Letter:
        """The letter of `uid`, which is above all that were taken before. It leaves memory with this call.

        Raises InboxUnreachable.
        """
        if uid not in self._fetched:
            self._read_requested()
        if uid not in self._fetched:
            if self._failures.give_up(uid):
                return Letter(uid, 0, None, given_up=True)
            if self._failure:
                raise self._failure
            self._fetched = self._begin_batch(uid)()
        return self._fetched.pop(uid)

    def find_fetched(self, uid: int) -> bytes | None:
        """The message of `uid` if it was fetched already. Sends no command, and the letter can still be taken."""
        letter = self._fetched.get(uid)
        return letter.raw if letter else None

    def fetch_ahead(self, uid: int) -> None:
        """Request the next batch, or read it, if few are left of the one that `uid` was taken from.

        An error is raised by `take_letter` of the first message that it affects. A message that must be fetched alone,
        for its size or after a failure, is left to `take_letter`.
        """
        self._fetched = {later: letter for later, letter in self._fetched.items() if later > uid}
        left = len(self._fetched)
        if not 0 < left <= REQUEST_WITH_LEFT or self._failure:
            return
        try:
            if self._read_next is None:
                self._request_next()
            elif left <= READ_WITH_LEFT:
                self._read_requested()
        except InboxUnreachable as error:
            self._failure = error

    def _request_next(self) -> None:
        start = bisect_right(self._uids, max(self._fetched))
        if start == len(self._uids):
            return
        following = self._uids[start]
        if self._failures.must_be_alone(following):
            return
        self._sizes.load(following)
        batch = self._choose_batch(following)
        if len(batch) == 1:
            return
        self._read_next = self._begin_batch(following)
        if batch[-1] == self._sizes.last_uid:
            self._sizes.request_next()  # now, as a server may take as long for sizes as for a batch

    def _read_requested(self) -> None:
        """Read the batch that was requested ahead: until then no other command may be sent."""
        if self._read_next:
            read, self._read_next = self._read_next, None
            self._fetched |= read()

    def _begin_batch(self, uid: int) -> Callable[[], dict[int, Letter]]:
        """Request the batch that begins with `uid`; calling the result reads it."""
        self._sizes.load(uid)
        batch = self._choose_batch(uid)
        with self._failures.record_failure(batch):
            read_bodies = self._begin_bodies(batch)

        def read_letters() -> dict[int, Letter]:
            with self._failures.record_failure(batch):
                bodies = read_bodies()
            if bodies:
                self._failures.record_success()
            return {
                uid: Letter.from_response(uid, self._sizes.size_of(uid), bodies.get(uid), max_bytes=self._max_bytes)
                for uid in batch
            }

        return read_letters

    def _choose_batch(self, uid: int) -> list[int]:
        """The uids from this one on that are fetched by one command: a message above BATCH_BYTES is alone."""
        if self._failures.must_be_alone(uid):
            return [uid]
        batch: list[int] = []
        batch_bytes = 0
        for following in self._sizes.window_from(uid):
            size = self._bytes_to_fetch(following)
            if batch and (len(batch) == BATCH_MESSAGES or batch_bytes + size > BATCH_BYTES):
                break
            batch.append(following)
            batch_bytes += size
        return batch

    def _bytes_to_fetch(self, uid: int) -> int:
        """0 for a message that is too large, as it isn't fetched."""
        size = self._sizes.size_of(uid) or 0
        return size if size <= self._max_bytes else 0

    def _begin_bodies(self, batch: Sequence[int]) -> Callable[[], dict[int, bytes]]:
        uids = [uid for uid in batch if self._bytes_to_fetch(uid)]
        # Some servers only estimate sizes. Requesting one byte more than allowed shows a message that is larger than
        # its server reported, and bounds how much of it is received.
        return self._inbox.begin_bodies(uids, max_bytes=self._max_bytes + 1) if uids else dict
