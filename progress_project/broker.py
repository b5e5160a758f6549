"""A Celery broker made of files, for one machine: kombu's `filesystem://`, safe for several workers.

kombu's own transport lets a reader see a message or a binding before it is written, and moves what it
takes through the system's temporary directory, where a move between file systems may be seen twice.
Here every file appears complete and is taken by one atomic rename.
"""

import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps, loads


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

    def _make_folders(self) -> None:
        """Again before every message: the files may have been wiped, and what was in them is only hints."""
        for folder in (self.data_folder_in, self.processed_folder, self.control_folder):
            Path(folder).mkdir(parents=True, exist_ok=True)

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]  # kombu's bases disagree
        self._make_folders()
        name = f"{time.time_ns()}_{uuid.uuid4()}"
        draft = Path(self.processed_folder, name)
        draft.write_text(dumps(payload))
        draft.rename(Path(self.data_folder_out, f"{name}.{queue}.msg"))

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

    def get_table(self, exchange: str) -> Any:
        with self._bindings_locked():
            return super().get_table(exchange)

    def _queue_bind(self, *args: Any) -> None:
        with self._bindings_locked():
            super()._queue_bind(*args)

    @contextmanager
    def _bindings_locked(self) -> Iterator[None]:
        self._make_folders()
        with Path(self.control_folder, "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class Transport(filesystem.Transport):
    Channel = Channel
