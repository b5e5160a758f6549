"""A Celery broker made of files, for one machine: kombu's `filesystem://`, safe for several workers.

kombu's own transport lets a reader see a message or a binding before it is written, and moves what it
takes through the system's temporary directory, where a move between file systems may be seen twice.
Here every file appears complete, by a rename from a draft, and is taken by one atomic rename. Nothing
waits for another process for longer than `LOCK_SECONDS`: a message that can't be sent is sent again.
"""

import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps, loads

LOCK_SECONDS = 0.5  # another process may have been stopped while it held the lock
LEFTOVER_SECONDS = 60  # far longer than anything here takes: what is older was left by a crash


def install() -> None:
    """Serve `filesystem://` URLs from here on."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"


def transport_options(folder: Path) -> dict[str, Any]:
    messages = str(folder / "messages")
    return {
        "data_folder_in": messages,
        "data_folder_out": messages,  # what one process puts out, another takes in
        "processed_folder": str(folder / "taken"),
        "control_folder": str(folder / "control"),
        "polling_interval": 0.2,
    }


class Channel(filesystem.Channel):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._make_folders()
        self._remove_leftovers()

    def _make_folders(self) -> None:
        """Again before every message: the files may have been wiped, and what was in them is only hints."""
        for folder in (self.data_folder_in, self.processed_folder, self.control_folder):
            Path(folder).mkdir(parents=True, exist_ok=True)

    def _remove_leftovers(self) -> None:
        """Drafts, and messages half taken, of processes that were killed before they were done with them."""
        for leftover in Path(self.processed_folder).iterdir():
            with suppress(FileNotFoundError):  # another process removes them too
                if time.time() - leftover.stat().st_mtime > LEFTOVER_SECONDS:
                    leftover.unlink()

    def _write(self, path: Path, text: str) -> None:
        """All of it or nothing, also on a full disk."""
        self._make_folders()
        draft = Path(self.processed_folder, uuid.uuid4().hex)
        try:
            draft.write_text(text)
            draft.rename(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    # Messages

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]  # kombu's bases disagree
        name = f"{time.time_ns()}_{uuid.uuid4()}.{queue}.msg"
        self._write(Path(self.data_folder_out, name), dumps(payload))

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        for name in self._waiting():
            if name.partition(".")[2] == f"{queue}.msg":
                taken = Path(self.processed_folder, name)
                try:
                    Path(self.data_folder_in, name).rename(taken)
                except FileNotFoundError:
                    continue  # another worker was faster
                payload = loads(taken.read_text())
                taken.unlink()
                return payload
        raise Empty

    def _waiting(self) -> list[str]:
        """The oldest first."""
        try:
            return sorted(os.listdir(self.data_folder_in))
        except FileNotFoundError:
            return []

    # Bindings: which queues an exchange feeds. Read without a lock, as the file is replaced as a whole.

    def get_table(self, exchange: str) -> list[Any]:
        try:
            rows = loads(self._table(exchange).read_text())
        except FileNotFoundError:
            return []
        return [filesystem.exchange_queue_t(*row) for row in rows]

    def _queue_bind(self, exchange: str, routing_key: str | None, pattern: str | None, queue: str | None) -> None:
        binding = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        if binding not in self.get_table(exchange):
            with self._bindings_locked():
                self._write_table(exchange, [binding, *self.get_table(exchange)])

    def _delete(self, queue: str, exchange: str, routing_key: str, pattern: str, *args: Any, **kwargs: Any) -> None:
        self._purge(queue)
        binding = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        with self._bindings_locked():
            self._write_table(exchange, [other for other in self.get_table(exchange) if other != binding])

    def _write_table(self, exchange: str, table: list[Any]) -> None:
        self._write(self._table(exchange), dumps(list(dict.fromkeys(table))))

    def _table(self, exchange: str) -> Path:
        path: Path = self._exchange_file(exchange)  # type: ignore[attr-defined]  # newer than its types
        return path

    @contextmanager
    def _bindings_locked(self) -> Iterator[None]:
        """Raises `BlockingIOError` when whoever holds the lock doesn't give it back."""
        self._make_folders()
        deadline = time.monotonic() + LOCK_SECONDS
        with Path(self.control_folder, "lock").open("w") as lock:
            while not _try_lock(lock.fileno()):
                if time.monotonic() > deadline:
                    raise BlockingIOError(f"{lock.name} is held by another process")
                time.sleep(0.01)
            yield


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Transport(filesystem.Transport):
    """Read from Celery's event loop, like Redis and RabbitMQ.

    Without an event loop, Celery's pool has one pipe and one lock for all its processes, and an idle one
    that is killed takes the lock with it: its worker lives on and never takes a task again. With one, each
    process has a pipe of its own.
    """

    Channel = Channel
    implements = filesystem.Transport.implements.extend(asynchronous=True)

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        loop.call_repeatedly(self.polling_interval, self._deliver_waiting)

    def _deliver_waiting(self) -> None:
        """As many messages as the consumers may take now."""
        with suppress(Empty):
            while self.cycle:
                self.cycle.get(self._deliver)
