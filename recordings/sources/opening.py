"""From an account to its source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from . import Account, Beat, FolderAccount, RecordingSource, Wait
from .folder.source import Folder, Length
from .twilio import Twilio


@contextmanager
def open_source(account: Account, *, wait: Wait, beat: Beat, length: Length) -> Iterator[RecordingSource]:
    """Raises `RunRejected` when the account can't be used as it is."""
    if isinstance(account, FolderAccount):
        yield Folder(account.folder, beat=beat, length=length)
        return
    with Twilio(account, wait=wait) as twilio:
        yield twilio
