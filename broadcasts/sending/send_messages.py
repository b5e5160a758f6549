"""Stage 3: chosen recipients are put in flight, and their messages leave."""

from __future__ import annotations

from collections.abc import Sequence

from runs.progress import Effects, Progress

from ..messages import Message
from ..models import Recipient, WhatsAppBroadcast
from .faults import FAULT_CODE, report_fault
from .threads import Send, SendThreads
from .window import ConcurrencyWindow


class MessageSender:
    """Only the requests run in threads. Effects and database are used by the caller's thread alone."""

    def __init__(
        self,
        run: WhatsAppBroadcast,
        progress: Progress,
        effects: Effects,
        threads: SendThreads,
        window: ConcurrencyWindow,
    ) -> None:
        self.window = window
        self._run, self._progress, self._effects, self._threads = run, progress, effects, threads
        self._saved_size: int | None = run.cursor.get("window")

    def send_to(self, recipients: Sequence[Recipient]) -> None:
        """Put the recipients in flight, durably, and send to those that were still pending."""
        self.save_window_size()
        sends = [
            Send(recipient, message)
            for recipient in self._effects.begin(recipients)
            if (message := self._render_message(recipient))
        ]
        if self.window.size > 1:
            self._threads.submit(sends, self.window.answer_seconds)
        else:
            for send in sends:
                self._threads.carry_out_here(send)

    def save_window_size(self) -> None:
        """The next attempt opens its window at this size. Costs nothing: `begin`'s statement carries it."""
        if self.window.size != self._saved_size:
            self._saved_size = self.window.size
            self._progress.checkpoint(window=self._saved_size)

    def _render_message(self, recipient: Recipient) -> Message | None:
        """None where that fails, and with it the recipient."""
        try:
            return self._run.message_to(recipient)
        except Exception as error:
            self._effects.failed(recipient, report_fault(recipient, error), FAULT_CODE)
            return None
