"""What readers, people, servers and killers logged while the runs ran: one file of JSON lines for each kind of record.

A kill storm writes them; other tools may write the same files. Times are in seconds of the database's clock. A file
that is missing isn't checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar


@dataclass(frozen=True)
class Record:
    file: ClassVar[str]


@dataclass(frozen=True)
class Start(Record):
    """A start that the API answered, or that `start` returned."""

    file = "starts.jsonl"
    type: str
    run: int


@dataclass(frozen=True)
class Observation(Record):
    """What one reader was shown of one run. Written only when it differs from the reader's last one."""

    file = "looks.jsonl"
    door: str  # the name of the reader, under the key of older logs
    type: str
    run: int
    status: str
    processed: int
    progress_pct: float | None
    silence: float | None  # seconds since the heartbeat
    allowed_silence: float  # the threshold, or what `allow_silence` has left


@dataclass(frozen=True)
class BadAnswer(Record):
    """An answer of the API that is neither a success nor a refusal with its reason."""

    file = "bad_answers.jsonl"
    address: str
    status: int
    text: str


@dataclass(frozen=True)
class Death(Record):
    """Something was killed; `attempts` are the (run, attempt) that it worked on, as far as is known."""

    file = "deaths.jsonl"
    kind: str
    at: float
    type: str
    attempts: list[list[int]]


@dataclass(frozen=True)
class PersonRequest(Record):
    """A person's request to a run, or for a reset of a business, and the HTTP status of its answer."""

    file = "requests.jsonl"
    action: str  # cancel, pause, resume, retry, reset
    type: str
    run: int  # 0: of a reset
    before: float
    after: float
    status: int
    count: int = 0  # runs that were reset


@dataclass(frozen=True)
class Send(Record):
    """A provider received a message to send, and answered `status`."""

    file = "sends.jsonl"
    to: str
    tracker: str
    message_id: str
    status: int


@dataclass(frozen=True)
class Mail(Record):
    """A message in a mailbox, and its receipts where they are known: [vendor, amount, currency]."""

    file = "mails.jsonl"
    account: str
    uidvalidity: int
    uid: int
    message_id: str
    receipts: list[list[str]]


@dataclass(frozen=True)
class Fetch(Record):
    """A mail server served the body of a message."""

    file = "fetches.jsonl"
    account: str
    uid: int


@dataclass(frozen=True)
class Deadlocks(Record):
    """`pg_stat_database.deadlocks` at some time. A crash of the server resets it to 0."""

    file = "deadlocks.jsonl"
    count: int


@dataclass(frozen=True)
class RunningLimit(Record):
    """A limit of running runs that held all the time. No business, no type: of all."""

    file = "limits.jsonl"
    business: int | None
    run_type: str
    max_running: int


@dataclass(frozen=True)
class SlotLook(Record):
    """How many slots of live workers were free, and how many businesses had a run that could be claimed."""

    file = "slots.jsonl"
    at: float
    free_slots: int
    claimable: int


R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Logs:
    """A folder of such files; None: there are no logs."""

    folder: Path | None = None

    def append(self, records: Iterable[Record]) -> None:
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        for record in records:
            with (self.folder / record.file).open("a") as file:
                file.write(json.dumps(asdict(record)) + "\n")

    def read(self, kind: type[R]) -> list[R]:
        path = self.folder / kind.file if self.folder else None
        if path is None or not path.exists():
            return []
        return [kind(**self._fields(line)) for line in path.read_text().splitlines()]

    @staticmethod
    def _fields(line: str) -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(line)
        return fields
