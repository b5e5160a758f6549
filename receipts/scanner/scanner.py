"""Scans mails in a bounded child process: a hostile mail can hang, crash or fill that process only."""

import logging
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final, Self

from django.conf import settings
from django.utils.translation import gettext as _

from runs.children.bounded_child import BoundedChild
from runs.exceptions import ChildDied, ChildTimedOut, ItemFailed

from ..findings import Scanned
from . import frames
from .frames import READ_PDFS, READ_PDFS_APART

logger = logging.getLogger(__name__)

# Enough for a mail, its largest attachments and their text at once, besides the libraries.
MEMORY_BYTES: Final = 600_000_000
# The limit by the clock, in limits of processor time: a busy machine gives the child a part of a processor.
WALL_FACTOR: Final = 4
# The first bytes of a PDF, plain and in base64.
_SIGNS_OF_PDF: Final = (b"%PDF-", b"JVBERi")


class Scanner:
    """Scans mails, one at a time, within the limits of the settings. A context manager: leaving it ends the child."""

    def __init__(self, *, beat: Callable[[], object] = lambda: None) -> None:
        seconds = settings.RECEIPTS_MESSAGE_SECONDS
        self._child = BoundedChild(
            "receipts.scanner.child",
            settings.RECEIPTS_MAX_ATTACHMENT_BYTES,
            settings.RECEIPTS_PDF_SECONDS,
            seconds / 2,
            cpu_seconds=seconds,
            wall_seconds=seconds * WALL_FACTOR,
            memory_bytes=MEMORY_BYTES,
            beat=beat,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._child.close()

    def start(self) -> None:
        """Start the child, which takes longer than fetching the first mails."""
        self._child.start()

    def scan(self, raw: bytes) -> Scanned:
        """The result of `extraction.scan`. Raises ItemFailed with a translated message, and what `beat` raises."""
        try:
            return frames.decode_response(self._scan_in_child(raw))
        except frames.ScanCrashed as error:
            # A bug of the extractor.
            logger.error("Could not scan a message: %s", error.traceback)
            raise ItemFailed(_(str(error)), code=error.code) from None
        except ItemFailed as error:
            raise ItemFailed(_(str(error)), code=error.code) from error

    def scan_ahead(self, raws: Iterable[bytes]) -> None:
        """Let the child begin with the mails that are scanned next. `scan` returns or raises the result of each."""
        for raw in islice(raws, self._child.begun, None):
            if not self._child.begin(READ_PDFS + raw):
                break

    def discard_ahead(self) -> None:
        """Discard the mails that were begun: others may come next."""
        self._child.discard()

    def _scan_in_child(self, raw: bytes) -> bytes:
        try:
            return self._child.call(READ_PDFS + raw)
        except (ChildTimedOut, ChildDied):
            if not any(sign in raw for sign in _SIGNS_OF_PDF):
                raise
        # A PDF may have killed the child: read the mail again, with each PDF in a process of its own.
        return self._child.call(READ_PDFS_APART + raw)
