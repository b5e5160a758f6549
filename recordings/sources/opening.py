"""Opens the source that an account stands for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from . import Account, Beat, FolderAccount, RecordingSource, Wait
from .folder.source import FolderSource, ReadDuration


@contextmanager
def open_source(account: Account, *, wait: Wait, beat: Beat, read_duration: ReadDuration) -> Iterator[RecordingSource]:
    """Raises `RunRejected` if the account can't be used as it is."""
    if isinstance(account, FolderAccount):
        yield FolderSource(account.folder, beat=beat, read_duration=read_duration)
        return
    from .twilio import TwilioSource  # its library takes a tenth of the time in which any process starts

    with TwilioSource(account, wait=wait, beat=beat) as twilio:
        yield twilio
