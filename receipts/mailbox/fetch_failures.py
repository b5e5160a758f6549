"""Which messages failed to be fetched in one run: some servers close the connection over a single message.

1. A batch fails: its messages are fetched one by one from then on.
2. A message fails alone, MAX_TRIES times: it is given up, and the run goes on after it.
3. MAX_GIVEN_UP messages in a row were given up: the server itself is broken, and no more are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from .account import InboxUnreachable

# The pauses between these tries grow as in any outage (`receipts.sync.outage`): a server that is only restarting is
# back before they are used up.
MAX_TRIES: Final = 5
MAX_GIVEN_UP: Final = 5


@dataclass
class FetchFailures:
    """The failures of one run, over all its connections and attempts: the tries of a message may be attempts apart."""

    _tries: Counter[int] = field(default_factory=Counter)
    _alone_until: int = 0
    _given_up_in_a_row: int = 0

    @classmethod
    def from_json(cls, remembered: dict[str, Any]) -> FetchFailures:
        tries = Counter({int(uid): tries for uid, tries in remembered.get("tries", {}).items()})
        return cls(tries, remembered.get("alone_until", 0), remembered.get("given_up_in_a_row", 0))

    def as_json(self, *, after: int) -> dict[str, Any]:
        """What the run's cursor keeps: the failures of the messages above this UID."""
        tries = {str(uid): tries for uid, tries in self._tries.items() if uid > after}
        return {"tries": tries, "alone_until": self._alone_until, "given_up_in_a_row": self._given_up_in_a_row}

    @contextmanager
    def record_failure(self, batch: Sequence[int]) -> Iterator[None]:
        """Record a failure when the block, which fetches these messages, raises InboxUnreachable."""
        try:
            yield
        except InboxUnreachable:
            self._alone_until = max(self._alone_until, batch[-1])
            self._tries[batch[0]] += len(batch) == 1
            raise

    def record_success(self) -> None:
        """The server delivers messages again: MAX_GIVEN_UP is counted from the start."""
        self._given_up_in_a_row = 0

    def must_be_alone(self, uid: int) -> bool:
        """Whether the message must be fetched in a command of its own."""
        return uid <= self._alone_until

    def give_up(self, uid: int) -> bool:
        """Whether the message is to be given up now. Each True counts towards MAX_GIVEN_UP."""
        if self._tries[uid] < MAX_TRIES or self._given_up_in_a_row >= MAX_GIVEN_UP:
            return False
        self._given_up_in_a_row += 1
        return True
