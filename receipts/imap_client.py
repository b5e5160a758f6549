"""An IMAP client that no server can hold: each answer is bounded in seconds and bytes, and waiting for it beats.

imaplib reads through a buffered file, and its timeout holds for each `recv` alone: a server that sends a byte now and
then would hold its reader for ever, and nothing would beat meanwhile.

A command has its timeout, and a second more for every MIN_BYTES_PER_SECOND that arrive; between two pieces may pass no
more than the timeout. A large message on a slow line is read, one that drips in is not.
"""

import imaplib
import time
from collections.abc import Callable
from typing import Any, Final

PIECE_BYTES: Final = 65_536
BEAT_SECONDS: Final = 0.5
MIN_BYTES_PER_SECOND: Final = 4_096
# What an answer may have beside one message: lists of uids, and a batch of small messages whose sizes were guessed.
MAX_BYTES_BESIDE: Final = 32_000_000
GOODBYE_SECONDS: Final = 5.0


class BoundedIMAP(imaplib.IMAP4):
    """Raises TimeoutError for a server that is too slow, and `abort` for one that sends too much.

    `max_bytes` bounds one message; `beat` is called for every piece that arrives, and twice a second while none does.
    """

    def __init__(
        self, host: str, port: int, *, seconds: float, max_bytes: int, beat: Callable[[], object], **options: Any
    ) -> None:
        self.seconds = seconds
        self._max_bytes = max_bytes
        self._beat = beat
        self._source: object = None
        self._buffer = bytearray()
        self._begin()
        super().__init__(host, port, timeout=seconds, **options)

    def hurry(self) -> None:
        """What is still asked is asked on the way out: don't wait long, and leave the run alone."""
        self.seconds = min(self.seconds, GOODBYE_SECONDS)
        self._beat = lambda: None

    def begin_fetch(self, uid_set: str, parts: str) -> Callable[[], tuple[str, list[Any]]]:
        """UID FETCH in two steps: this sends it, and a call of what is returned reads the answer.

        The server works meanwhile. Nothing may be asked in between but another FETCH whose answer is read after this
        one's, nor may it be long: a server hangs up on those who don't read.
        """
        tag = self._command("UID", "FETCH", uid_set, parts)

        def read_answer() -> tuple[str, list[Any]]:
            self._begin()
            status, data = self._command_complete("UID", tag)
            answer: tuple[str, list[Any]] = self._untagged_response(status, data, "FETCH")
            return answer

        return read_answer

    def _command(self, name: str, *args: Any) -> Any:
        self._begin()
        return super()._command(name, *args)  # type: ignore[misc]

    def _begin(self) -> None:
        self._began_at = self._heard_at = time.monotonic()
        self._bytes = 0

    def read(self, size: int) -> bytes:
        if size > self._max_bytes:
            raise self.abort("The server sends more than it was asked for.")
        pieces = [self._take(size)]
        missing = size - len(pieces[0])
        while missing and (piece := self._receive(missing)):
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def readline(self) -> bytes:
        searched = 0
        while not (end := self._buffered().find(b"\n", searched) + 1):
            searched = len(self._buffer)
            piece = self._receive(PIECE_BYTES)
            if not piece:  # the server hung up: imaplib refuses the rest of a line
                end = searched
                break
            self._buffer += piece
        return self._take(end)

    def _take(self, size: int) -> bytes:
        buffer = self._buffered()
        taken = bytes(memoryview(buffer)[:size])
        del buffer[:size]
        return taken

    def _buffered(self) -> bytearray:
        if self._source is not self.sock:  # after STARTTLS: what came before it in clear text is nobody's word
            self._source, self._buffer = self.sock, bytearray()
        return self._buffer

    def _receive(self, size: int) -> bytes:
        """The next piece, of at most `size` bytes; empty when the server has hung up."""
        try:
            while True:
                self._beat()
                self.sock.settimeout(min(self._seconds_left(), BEAT_SECONDS))
                try:
                    piece = self.sock.recv(min(size, PIECE_BYTES))
                except TimeoutError:
                    continue
                return self._counted(piece)
        finally:
            self.sock.settimeout(self.seconds)  # for whatever is sent, and for the handshake after STARTTLS

    def _seconds_left(self) -> float:
        silent_until = self._heard_at + self.seconds
        slow_until = self._began_at + self.seconds + self._bytes / MIN_BYTES_PER_SECOND
        left = min(silent_until, slow_until) - time.monotonic()
        if left <= 0:
            raise TimeoutError("The server answers too slowly.")
        return left

    def _counted(self, piece: bytes) -> bytes:
        self._heard_at = time.monotonic()
        self._bytes += len(piece)
        if self._bytes > self._max_bytes + MAX_BYTES_BESIDE:
            raise self.abort("The server sends more than it was asked for.")
        return piece


class BoundedIMAPOverTLS(BoundedIMAP, imaplib.IMAP4_SSL):
    """Speaks TLS from the first byte; the handshake has `seconds` as a whole."""
