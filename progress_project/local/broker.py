"""A Celery broker made of files, for one machine: kombu's `filesystem://`, safe for several workers.

kombu's own transport lets a reader see a message or a binding before it is complete, and takes messages through the
system's temporary directory: between file systems that isn't atomic, and two workers may take the same message. Here a
file is written as a draft and renamed, and taken by one atomic rename. No process waits for another one's lock longer
than `LOCK_SECONDS`; what couldn't be sent isn't missed, since workers look for queued runs by themselves.
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

LOCK_SECONDS = 0.5  # the process with the lock may have been stopped
LEFTOVER_SECONDS = 60  # much longer than any step here takes: older files were left by a crash


def install_transport() -> None:
    """Make this the transport of `filesystem://` URLs."""
    TRANSPORT_ALIASES["filesystem"] = f"{__name__}:Transport"


def transport_options(folder: Path) -> dict[str, Any]:
    messages = str(folder / "messages")
    return {
        "data_folder_in": messages,
        "data_folder_out": messages,  # the same folder: one process publishes, another takes
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
        """Called before every message too: somebody may have removed the folders."""
        for folder in (self.data_folder_in, self.processed_folder, self.control_folder):
            Path(folder).mkdir(parents=True, exist_ok=True)

    def _remove_leftovers(self) -> None:
        """Remove drafts and half-taken messages of processes that were killed."""
        for leftover in Path(self.processed_folder).iterdir():
            with suppress(FileNotFoundError):  # another process has removed it
                if time.time() - leftover.stat().st_mtime > LEFTOVER_SECONDS:
                    leftover.unlink()

    def _write_file(self, path: Path, text: str) -> None:
        """Write the whole file or nothing, also on a full disk."""
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
        self._write_file(Path(self.data_folder_out, name), dumps(payload))

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        for name in self._list_messages():
            if name.partition(".")[2] == f"{queue}.msg":
                taken = Path(self.processed_folder, name)
                try:
                    Path(self.data_folder_in, name).rename(taken)
                except FileNotFoundError:
                    continue  # another worker has taken it
                payload = loads(taken.read_text())
                taken.unlink()
                return payload
        raise Empty

    def _list_messages(self) -> list[str]:
        """File names, the oldest first."""
        try:
            return sorted(os.listdir(self.data_folder_in))
        except FileNotFoundError:
            return []

    # Bindings: which queues an exchange feeds. Read without a lock, for the file is replaced atomically.

    def get_table(self, exchange: str) -> list[Any]:
        try:
            rows = loads(self._table_path(exchange).read_text())
        except FileNotFoundError:
            return []
        return [filesystem.exchange_queue_t(*row) for row in rows]

    def _queue_bind(self, exchange: str, routing_key: str | None, pattern: str | None, queue: str | None) -> None:
        binding = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        if binding not in self.get_table(exchange):
            with self._lock_bindings():
                self._write_table(exchange, [binding, *self.get_table(exchange)])

    def _delete(self, queue: str, exchange: str, routing_key: str, pattern: str, *args: Any, **kwargs: Any) -> None:
        self._purge(queue)
        binding = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        with self._lock_bindings():
            self._write_table(exchange, [other for other in self.get_table(exchange) if other != binding])

    def _write_table(self, exchange: str, table: list[Any]) -> None:
        self._write_file(self._table_path(exchange), dumps(list(dict.fromkeys(table))))

    def _table_path(self, exchange: str) -> Path:
        path: Path = self._exchange_file(exchange)  # type: ignore[attr-defined]  # newer than its types
        return path

    @contextmanager
    def _lock_bindings(self) -> Iterator[None]:
        """Raises `BlockingIOError` when another process doesn't release the lock in time."""
        self._make_folders()
        deadline = time.monotonic() + LOCK_SECONDS
        with Path(self.control_folder, "lock").open("w") as lock:
            while not try_lock(lock.fileno()):
                if time.monotonic() > deadline:
                    raise BlockingIOError(f"{lock.name} is held by another process")
                time.sleep(0.01)
            yield


def try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Transport(filesystem.Transport):
    """Read from Celery's event loop, like Redis and RabbitMQ.

    Without an event loop, Celery's pool has one pipe and one lock for all its processes: when an idle process is killed
    with the lock, its worker lives on and never takes a task again. With an event loop each process has its own pipe.
    """

    Channel = Channel
    implements = filesystem.Transport.implements.extend(asynchronous=True)

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        loop.call_repeatedly(self.polling_interval, self._deliver_waiting)

    def _deliver_waiting(self) -> None:
        """Deliver as many messages as the consumers may take now."""
        with suppress(Empty):
            while self.cycle:
                self.cycle.get(self._deliver)
