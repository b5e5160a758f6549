"""An IMAP client that no server can block: each response is bounded in seconds and bytes, and waiting for it beats.

imaplib reads through a buffered file, and its timeout holds for each `recv` alone: a server that sends a byte now and
then would block its reader for ever, and the run's heartbeat would stop.

A command has its timeout, and a second more for every MIN_BYTES_PER_SECOND bytes that arrive; no more than the timeout
may pass between two pieces. So a large message on a slow line is read, and a server that sends single bytes is left.
"""

import imaplib
import time
from collections.abc import Callable
from typing import Any, Final

PIECE_BYTES: Final = 65_536
BEAT_SECONDS: Final = 0.5
MIN_BYTES_PER_SECOND: Final = 4_096
# Besides one message, a response may contain lists of uids, or a batch of small messages whose sizes were estimates.
MAX_OTHER_BYTES: Final = 32_000_000
LOGOUT_SECONDS: Final = 5.0
# The untagged responses that imaplib, imap-tools or the inbox read. imaplib keeps all others for ever.
READ_TYPES: Final = frozenset(
    {"OK", "NO", "BAD", "BYE", "PREAUTH", "CAPABILITY", "EXISTS", "READ-ONLY", "UIDVALIDITY", "SEARCH", "FETCH"}
)


class BoundedIMAP(imaplib.IMAP4):
    """Raises TimeoutError for a server that is too slow, and `abort` for one that sends too much.

    `max_bytes` bounds one message, and MAX_OTHER_BYTES what else a command brings: none of that is kept after it, or a
    server could fill the memory by many commands. `beat` is called for every piece that arrives, and twice a second
    while none does.
    """

    def __init__(
        self, host: str, port: int, *, seconds: float, max_bytes: int, beat: Callable[[], object], **options: Any
    ) -> None:
        self.seconds = seconds
        self._max_bytes = max_bytes
        self._beat = beat
        self._source: object = None
        self._buffer = bytearray()
        self._start_clock()
        super().__init__(host, port, timeout=seconds, **options)

    def shorten_timeout(self) -> None:
        """Shorten the timeout for the logout, and stop calling `beat`: the attempt may be over."""
        self.seconds = min(self.seconds, LOGOUT_SECONDS)
        self._beat = lambda: None

    def begin_fetch(self, uid_set: str, parts: str) -> Callable[[], tuple[str, list[Any]]]:
        """UID FETCH in two steps: this sends the command; calling the result reads the response.

        In between, send no command but another FETCH whose response is read after this one's. Read soon: servers close
        the connection of a client that doesn't read.
        """
        tag = self._command("UID", "FETCH", uid_set, parts)

        def read_response() -> tuple[str, list[Any]]:
            self._start_clock()
            status, data = self._command_complete("UID", tag)
            response: tuple[str, list[Any]] = self._untagged_response(status, data, "FETCH")
            self.untagged_responses.clear()
            return response

        return read_response

    def _append_untagged(self, typ: str, dat: Any) -> None:
        """imaplib's own, which stores a response: it has no public way to refuse one."""
        if typ in READ_TYPES:
            super()._append_untagged(typ, dat)  # type: ignore[misc]

    def _command(self, name: str, *args: Any) -> Any:
        self._start_clock()
        return super()._command(name, *args)  # type: ignore[misc]

    def _start_clock(self) -> None:
        self._began_at = self._last_received_at = time.monotonic()
        self._bytes = 0

    def read(self, size: int) -> bytes:
        if size > self._max_bytes:
            raise self.abort("The server sends more than was requested.")
        pieces = [self._take_buffered(size)]
        missing = size - len(pieces[0])
        while missing and (piece := self._receive_piece(missing)):
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def readline(self) -> bytes:
        searched = 0
        while not (end := self._current_buffer().find(b"\n", searched) + 1):
            searched = len(self._buffer)
            piece = self._receive_piece(PIECE_BYTES)
            if not piece:  # the server closed the connection: imaplib refuses an incomplete line
                end = searched
                break
            self._buffer += piece
        return self._take_buffered(end)

    def _take_buffered(self, size: int) -> bytes:
        buffer = self._current_buffer()
        taken = bytes(memoryview(buffer)[:size])
        del buffer[:size]
        return taken

    def _current_buffer(self) -> bytearray:
        if self._source is not self.sock:  # after STARTTLS: an attacker may have injected unencrypted bytes
            self._source, self._buffer = self.sock, bytearray()
        return self._buffer

    def _receive_piece(self, size: int) -> bytes:
        """The next piece, of at most `size` bytes; empty when the server has closed the connection."""
        try:
            while True:
                self._beat()
                self.sock.settimeout(min(self._seconds_left(), BEAT_SECONDS))
                try:
                    piece = self.sock.recv(min(size, PIECE_BYTES))
                except TimeoutError:
                    continue
                return self._count_received(piece)
        finally:
            self.sock.settimeout(self.seconds)  # for sending, and for the handshake after STARTTLS

    def _seconds_left(self) -> float:
        idle_until = self._last_received_at + self.seconds
        rate_until = self._began_at + self.seconds + self._bytes / MIN_BYTES_PER_SECOND
        left = min(idle_until, rate_until) - time.monotonic()
        if left <= 0:
            raise TimeoutError("The server responds too slowly.")
        return left

    def _count_received(self, piece: bytes) -> bytes:
        self._last_received_at = time.monotonic()
        self._bytes += len(piece)
        if self._bytes > self._max_bytes + MAX_OTHER_BYTES:
            raise self.abort("The server sends more than was requested.")
        return piece


class BoundedIMAPOverTLS(BoundedIMAP, imaplib.IMAP4_SSL):
    """Speaks TLS from the first byte; the handshake has `seconds` as a whole."""
