"""The sizes of a mailbox's messages, fetched for SIZES_AT_ONCE messages by one command."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Final

from .fetch_failures import FetchFailures
from .inbox import Inbox

SIZES_AT_ONCE: Final = 250  # so few that a slow server has sent them before they are needed


class MessageSizes:
    """The sizes of a window of the uids, which ascend; `load` moves it forward."""

    def __init__(self, inbox: Inbox, uids: Sequence[int], failures: FetchFailures) -> None:
        self._inbox = inbox
        self._uids = uids
        self._failures = failures
        self._sizes: dict[int, int] = {}
        self._window: Sequence[int] = ()  # the uids whose sizes were fetched
        self._next_window: Sequence[int] = ()
        self._read_next: Callable[[], dict[int, int]] | None = None  # reads the response for `_next_window`

    def size_of(self, uid: int) -> int | None:
        """In bytes; None for a message that was deleted meanwhile."""
        return self._sizes.get(uid)

    def window_from(self, uid: int) -> Sequence[int]:
        """The uids of the window from this one on."""
        return self._window[bisect_left(self._window, uid) :]

    @property
    def last_uid(self) -> int:
        return self._window[-1]

    def load(self, uid: int) -> None:
        """Fetch the sizes from `uid` on, unless they are here. Raises InboxUnreachable."""
        self._read_requested()
        if self._window and uid <= self._window[-1]:
            return
        start = bisect_left(self._uids, uid)
        window = self._uids[start : start + (1 if self._failures.must_be_alone(uid) else SIZES_AT_ONCE)]
        with self._failures.record_failure(window):
            self._sizes = self._inbox.sizes(window)
        self._window = window

    def request_next(self) -> None:
        """Send the command for the next window; `load` reads the response. Raises InboxUnreachable."""
        start = bisect_right(self._uids, self._window[-1])
        self._next_window = self._uids[start : start + SIZES_AT_ONCE]
        if self._next_window:
            with self._failures.record_failure(self._next_window):
                self._read_next = self._inbox.begin_sizes(self._next_window)

    def _read_requested(self) -> None:
        """Read the requested sizes: until then no other command may be sent."""
        if self._read_next is None:
            return
        read, self._read_next = self._read_next, None
        window = self._next_window
        with self._failures.record_failure(window):
            sizes = read()
            # Missing ones were deleted; or the server, which works on two commands at once, sent them with the response
            # to the batch before.
            if missing := [uid for uid in window if uid not in sizes]:
                sizes |= self._inbox.sizes(missing)
        self._sizes, self._window = sizes, window
