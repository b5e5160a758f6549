"""Read-only access to one folder of an IMAP mailbox, as a stream.

imap-tools makes and signs in the connection (`receipts.mailbox.connection`); FETCH goes below it, because a mailbox of
any size has to pass through a small worker: sizes are asked first, small messages come
in batches bounded by count and bytes, large ones alone, huge ones never.
"""

import imaplib
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final, TypeVar

from imap_tools import AND, U
from imap_tools.errors import ImapToolsError

from receipts.mailbox.account import Account, InboxUnreachable
from receipts.mailbox.connection import close_connection, connect
from receipts.mailbox.refusals import explain_lost_connection
from receipts.mailbox.sign_in import MailBox

SIZES_AT_ONCE: Final = 250  # so few that a slow server knows them before they are needed
BATCH_MESSAGES: Final = 50
BATCH_BYTES: Final = 4_000_000
# With so few left of a batch the next one is read; it is asked for earlier, so that the server works meanwhile.
FEW_LEFT: Final = 8
ASK_WITH_LEFT: Final = 2 * FEW_LEFT

# So often a message may fail alone before it is given up. Its tries are as far apart as those of a server
# that is away, so that one which is just restarting blames none.
MAX_TRIES: Final = 5
# But a server that gives up so many in a row is broken itself.
MAX_GIVEN_UP: Final = 5

FIRST_DAY: Final = date(1970, 1, 1)

_UID = re.compile(rb"\bUID (\d+)", re.IGNORECASE)
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)", re.IGNORECASE)
_BODY = re.compile(rb"\bBODY\[\]", re.IGNORECASE)

T = TypeVar("T")


@dataclass(frozen=True)
class Letter:
    """One message as it was sent.

    `size` is in bytes, as the server says. `raw` is None for a message that was larger
    than allowed, and so not fetched (`too_large`), for one that somebody deleted
    between listing and fetching (`vanished`), and for one that the server can't hand out (`given_up`).
    """

    uid: int
    size: int
    raw: bytes | None = field(repr=False)
    too_large: bool = False
    vanished: bool = False
    given_up: bool = False


@dataclass
class FetchFailures:
    """What fetching has failed on, over all the connections of a run: some servers end over one message.

    After a batch has failed, its messages are fetched one by one; one that fails again and again alone is
    given up. What a run remembers of it (`as_json`) begins the next attempt: its tries may be attempts apart.
    """

    _tries: Counter[int] = field(default_factory=Counter)
    _alone_until: int = 0
    _given_up_in_a_row: int = 0

    @classmethod
    def from_json(cls, remembered: dict[str, Any]) -> "FetchFailures":
        tries = Counter({int(uid): tries for uid, tries in remembered.get("tries", {}).items()})
        return cls(tries, remembered.get("alone_until", 0), remembered.get("given_up_in_a_row", 0))

    def as_json(self, after: int) -> dict[str, Any]:
        """What matters for the messages above this uid."""
        tries = {str(uid): tries for uid, tries in self._tries.items() if uid > after}
        return {"tries": tries, "alone_until": self._alone_until, "given_up_in_a_row": self._given_up_in_a_row}

    @contextmanager
    def noted(self, batch: Sequence[int]) -> Iterator[None]:
        """Record a failure when the block, which fetches these messages, raises InboxUnreachable."""
        try:
            yield
        except InboxUnreachable:
            self._alone_until = max(self._alone_until, batch[-1])
            self._tries[batch[0]] += len(batch) == 1
            raise

    def forget_those_given_up(self) -> None:
        """The server sends messages again."""
        self._given_up_in_a_row = 0

    def is_alone(self, uid: int) -> bool:
        """Whether it must be fetched alone."""
        return uid <= self._alone_until

    def gives_up(self, uid: int) -> bool:
        if self._tries[uid] < MAX_TRIES or self._given_up_in_a_row >= MAX_GIVEN_UP:
            return False
        self._given_up_in_a_row += 1
        return True


class Inbox:
    """An open folder. Nothing done here changes it, not even the "seen" marks."""

    def __init__(self, account: Account, connection: MailBox) -> None:
        self._account = account
        self._connection = connection
        self.uidvalidity = _uidvalidity(connection)

    def uids(self, *, after: int = 0, since: date | None = None, before: date | None = None) -> list[int]:
        """The uids above `after`, ascending, of messages that arrived from `since` to `before`.

        Both days belong to the range; they are the server's (INTERNALDATE).
        Raises InboxUnreachable.
        """
        wanted = AND(
            uid=U(str(after + 1), "*"),
            # No mail is older, and servers want years of four digits.
            date_gte=since if since and since > FIRST_DAY else None,
            date_lt=before + timedelta(days=1) if before and before < date.max else None,
        )
        found = self._ask(lambda: self._connection.uids(wanted, charset=None))
        # "n:*" names the last message even when its uid is below n.
        return sorted(uid for uid in map(int, found) if uid > after)

    def letters(self, uids: Sequence[int], *, max_bytes: int, failures: FetchFailures | None = None) -> "Letters":
        """The letters of these uids, which ascend: fetched when they are asked for."""
        return Letters(self, uids, max_bytes, failures or FetchFailures())

    def sizes(self, uids: Sequence[int]) -> dict[int, int]:
        """What the server says, in bytes, of those that are still there. Raises InboxUnreachable."""
        return self.begin_sizes(uids)()

    def begin_sizes(self, uids: Sequence[int]) -> Callable[[], dict[int, int]]:
        """Ask for `sizes`; a call of what is returned reads them. Both raise InboxUnreachable."""
        read_answer = self.begin_fetch(uids, "(UID RFC822.SIZE)")
        return lambda: _sizes_in(read_answer())

    def begin_bodies(self, uids: Sequence[int], *, max_bytes: int) -> Callable[[], dict[int, bytes]]:
        """Ask for the messages, of each the first `max_bytes` at most; a call of what is returned reads them.

        Both raise InboxUnreachable. For what may happen in between see `BoundedIMAP.begin_fetch`.
        """
        read_answer = self.begin_fetch(uids, f"(UID BODY.PEEK[]<0.{max_bytes}>)")
        return lambda: _bodies_in(read_answer())

    def begin_fetch(self, uids: Sequence[int], parts: str) -> Callable[[], list[Any]]:
        """Send a FETCH of these parts of the messages; a call of what is returned reads the response."""
        read = self._ask(lambda: self._connection.client.begin_fetch(format_uid_set(uids), parts))

        def read_answer() -> list[Any]:
            status, answer = self._ask(read)
            if status != "OK":
                raise explain_lost_connection(self._account, imaplib.IMAP4.error(f"FETCH: {status}"))
            return answer

        return read_answer

    def _ask(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except (imaplib.IMAP4.error, ImapToolsError, OSError, ValueError) as error:
            raise explain_lost_connection(self._account, error) from error

    def close(self) -> None:
        close_connection(self._connection)


class Letters:
    """Hands out letters one by one, and fetches them by the batch."""

    def __init__(self, inbox: Inbox, uids: Sequence[int], max_bytes: int, failures: FetchFailures) -> None:
        self._inbox = inbox
        self._uids = uids
        self._max_bytes = max_bytes
        self._failures = failures
        self._sizes: dict[int, int] = {}
        self._window: Sequence[int] = ()  # the uids whose sizes are known
        self._next_window: Sequence[int] = ()  # those whose sizes were asked for ahead, after the batch underway
        self._read_sizes: Callable[[], dict[int, int]] | None = None  # reads these
        self._ready: dict[int, Letter] = {}
        self._underway: Callable[[], dict[int, Letter]] | None = None  # reads the batch that was asked for ahead
        self._failure: InboxUnreachable | None = None  # what fetching ahead met

    def take(self, uid: int) -> Letter:
        """The letter of `uid`, which is above all that were taken before. It is not kept once it was taken.

        Raises InboxUnreachable.
        """
        if uid not in self._ready:
            self._read_underway()
        if uid not in self._ready:
            if self._failures.gives_up(uid):
                return Letter(uid, 0, None, given_up=True)
            if self._failure:
                raise self._failure
            self._ready = self._begin_from(uid)()
        return self._ready.pop(uid)

    @property
    def has_failed_ahead(self) -> bool:
        """Whether fetching ahead failed: `take` raises the error when it needs the message."""
        return self._failure is not None

    def fetch_ahead(self, uid: int) -> None:
        """Ask for the next batch, or read it, if few are left of the one that `uid` was taken from.

        An error is raised by `take` of the first message that it affects. What must be fetched alone, for its size or
        after a failure, is left to `take`.
        """
        self._ready = {later: letter for later, letter in self._ready.items() if later > uid}
        left = len(self._ready)
        if not 0 < left <= ASK_WITH_LEFT or self._failure:
            return
        try:
            if self._underway is None:
                self._ask_for_next()
            elif left <= FEW_LEFT:
                self._read_underway()
        except InboxUnreachable as error:
            self._failure = error

    def _ask_for_next(self) -> None:
        start = bisect_right(self._uids, max(self._ready))
        if start == len(self._uids):
            return
        following = self._uids[start]
        if not self._failures.is_alone(following) and self._is_batch(following):
            self._underway = self._begin_from(following)
            if self._batch(following)[-1] == self._window[-1]:
                self._ask_for_sizes()

    def _ask_for_sizes(self) -> None:
        """Ask for the sizes that the batch after the next one needs: a server may take as long for them as for it."""
        start = bisect_right(self._uids, self._window[-1])
        self._next_window = self._uids[start : start + SIZES_AT_ONCE]
        if self._next_window:
            with self._failures.noted(self._next_window):
                self._read_sizes = self._inbox.begin_sizes(self._next_window)

    def _read_underway(self) -> None:
        """Read what was asked for ahead; nothing else can be asked before."""
        if self._underway:
            read, self._underway = self._underway, None
            self._ready |= read()

    def _is_batch(self, uid: int) -> bool:
        self._learn_sizes(uid)
        return len(self._batch(uid)) > 1

    def fetched(self, uid: int) -> bytes | None:
        """The message of `uid`, if it is here already: nothing is asked for it, and it can still be taken."""
        letter = self._ready.get(uid)
        return letter.raw if letter else None

    def _begin_from(self, uid: int) -> Callable[[], dict[int, Letter]]:
        """Ask for the batch that begins with `uid`; a call of what is returned reads it."""
        self._learn_sizes(uid)
        batch = self._batch(uid)
        with self._failures.noted(batch):
            read_bodies = self._begin_bodies(batch)

        def read_letters() -> dict[int, Letter]:
            with self._failures.noted(batch):
                found = read_bodies()
            if found:
                self._failures.forget_those_given_up()
            return {uid: _letter(uid, self._sizes.get(uid), found.get(uid), max_bytes=self._max_bytes) for uid in batch}

        return read_letters

    def _learn_sizes(self, uid: int) -> None:
        self._read_sizes_underway()
        if self._window and uid <= self._window[-1]:
            return
        start = bisect_left(self._uids, uid)
        window = self._uids[start : start + (1 if self._failures.is_alone(uid) else SIZES_AT_ONCE)]
        with self._failures.noted(window):
            self._sizes = self._inbox.sizes(window)
        self._window = window

    def _read_sizes_underway(self) -> None:
        """Read the sizes that were asked for ahead; nothing else can be asked before."""
        if self._read_sizes is None:
            return
        read, self._read_sizes = self._read_sizes, None
        window = self._next_window
        with self._failures.noted(window):
            sizes = read()
            # Gone; or a server that answers two questions at once has told it with the batch before.
            if missing := [uid for uid in window if uid not in sizes]:
                sizes |= self._inbox.sizes(missing)
        self._sizes, self._window = sizes, window

    def _batch(self, uid: int) -> list[int]:
        """The uids from this one on that are fetched at once: a message above BATCH_BYTES is alone."""
        if self._failures.is_alone(uid):
            return [uid]
        batch: list[int] = []
        weight = 0
        for following in self._window[bisect_left(self._window, uid) :]:
            size = self._size_to_fetch(following)
            if batch and (len(batch) == BATCH_MESSAGES or weight + size > BATCH_BYTES):
                break
            batch.append(following)
            weight += size
        return batch

    def _size_to_fetch(self, uid: int) -> int:
        """What is too large is not fetched, and weighs nothing."""
        size = self._sizes.get(uid, 0)
        return size if size <= self._max_bytes else 0

    def _begin_bodies(self, batch: Sequence[int]) -> Callable[[], dict[int, bytes]]:
        wanted = [uid for uid in batch if self._size_to_fetch(uid)]
        # Some servers only guess sizes. Asking for one byte more than allowed shows
        # a message that is larger than they said, and bounds what it costs.
        return self._inbox.begin_bodies(wanted, max_bytes=self._max_bytes + 1) if wanted else dict


@contextmanager
def open_inbox(account: Account, *, max_bytes: int, beat: Callable[[], None] = lambda: None) -> Iterator[Inbox]:
    """Sign in, open the account's folder read-only, and close it after the block.

    `max_bytes` is what the server may send for one message; `beat` is called while it is waited for. Raises
    RunRejected, with words that the user can act on, and InboxUnreachable.
    """
    connection = connect(account, max_bytes=max_bytes + 1, beat=beat)
    inbox = Inbox(account, connection)
    try:
        yield inbox
    finally:
        inbox.close()


def _uidvalidity(connection: MailBox) -> int:
    values: list[Any] = connection.client.untagged_responses.get("UIDVALIDITY", [])
    # RFC 3501 requires it. A server without one gets a constant: a change could not be noticed.
    return int(values[-1]) if values else 0


def _letter(uid: int, size: int | None, raw: bytes | None, *, max_bytes: int) -> Letter:
    if size is not None and size > max_bytes:
        return Letter(uid, size, None, too_large=True)
    if not raw:
        return Letter(uid, size or 0, None, vanished=True)
    if len(raw) > max_bytes:
        return Letter(uid, len(raw), None, too_large=True)
    return Letter(uid, len(raw), raw)


def _sizes_in(answer: list[Any]) -> dict[int, int]:
    return {
        int(uid[1]): int(size[1])
        for line in answer
        if isinstance(line, bytes) and (uid := _UID.search(line)) and (size := _SIZE.search(line))
    }


def _bodies_in(answer: list[Any]) -> dict[int, bytes]:
    # Some servers send the UID after the text, in the last piece of the response.
    closings = [*answer[1:], None]
    return {
        uid: piece[1]
        for piece, closing in zip(answer, closings, strict=True)
        if isinstance(piece, tuple) and _BODY.search(piece[0]) and (uid := _uid_of(piece[0], closing)) is not None
    }


def _uid_of(opening: bytes, closing: Any) -> int | None:
    found = _UID.search(opening) or (isinstance(closing, bytes) and _UID.search(closing))
    return int(found[1]) if found else None


def format_uid_set(uids: Sequence[int]) -> str:
    """IMAP's short form: 1,2,3,7 is "1:3,7"."""
    ranges: list[list[int]] = []
    for uid in uids:
        if ranges and uid == ranges[-1][1] + 1:
            ranges[-1][1] = uid
        else:
            ranges.append([uid, uid])
    return ",".join(str(low) if low == high else f"{low}:{high}" for low, high in ranges)
