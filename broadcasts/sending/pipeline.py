"""Takes the recipients of one broadcast through the stages. See the package's docstring for what each does."""

from __future__ import annotations

import time
from math import inf
from queue import Empty
from typing import Final

from django.conf import settings

from runs.progress import Effects, Progress

from ..models import Recipient, WhatsAppBroadcast
from ..providers import Provider
from .choose import RecipientQueue
from .rate_limit import LIMIT, RateLimiter
from .send_messages import MessageSender
from .settle import OutcomeRecorder
from .threads import SendThreads
from .trouble import TroubleHandler
from .window import ConcurrencyWindow

LINGER_SECONDS: Final = 0.01  # a full window waits for a few answers more: one statement settles them all


class Pipeline:
    """Several messages are in flight at once where one after the other can't keep the account's rate."""

    def __init__(
        self,
        run: WhatsAppBroadcast,
        progress: Progress,
        effects: Effects,
        provider: Provider,
        threads: SendThreads,
        queue: RecipientQueue,
    ) -> None:
        self._progress, self._effects, self._threads, self._queue = progress, effects, threads, queue
        self._window = ConcurrencyWindow(run.account.rate, provider.at_once, run.cursor.get("window"))
        self._recorder = OutcomeRecorder(run, effects, queue)
        self._limiter = RateLimiter(run.account)
        self._sender = MessageSender(run, progress, effects, threads, self._window)
        self._trouble = TroubleHandler(run, progress, provider, self._limiter, self._window)

    def send_all(self) -> None:
        """Send to every recipient of the queue; whatever ends the loop, outcomes of messages in flight are recorded.

        So an attempt that a long wait ends (`RunDeferred`) leaves nothing in flight.
        """
        try:
            self._trouble.resume_outage()
            while (chosen := self.choose_recipients()) or self._threads.in_flight or self._queue.has_postponed:
                if chosen:
                    self._sender.send_to(chosen)
                elif not self._threads.in_flight:
                    self._progress.wait(self._queue.seconds_until_due(), LIMIT)
                self.settle_answers(wait_for_one=not chosen or self._is_full)
                if self._trouble.must_handle:
                    self.settle_all()
                    self._trouble.handle_trouble()
        finally:
            self.settle_all()
            self._sender.save_window_size()
            self._progress.remember(tries=dict(self._recorder.tries) or None)

    @property
    def _is_full(self) -> bool:
        return self._threads.in_flight >= self._window.size

    def choose_recipients(self) -> list[Recipient]:
        """The next recipient, once its permit is due, and those whose permits are due by then too."""
        chosen: list[Recipient] = []
        while self._threads.in_flight + len(chosen) < self._window.size and (not chosen or self._limiter.is_due()):
            recipient = self._queue.take_next()
            if recipient is None:
                break
            self.wait_for_permit()
            chosen.append(recipient)
        return chosen

    def wait_for_permit(self) -> None:
        """Known outcomes are written before the pause: a crash during it must not lose them."""
        delay = self._limiter.take_permit()
        if delay > settings.RUNS_FLUSH_INTERVAL_SECONDS:
            self.settle_all()
            self._progress.wait(delay, LIMIT)
        elif delay:
            self._effects.settle()
            time.sleep(delay)

    def settle_answers(self, *, wait_for_one: bool) -> None:
        """Record the outcomes that are there; with `wait_for_one`, at least one if anything is in flight."""
        if wait_for_one and self._threads.in_flight:
            self.settle_next()
            self._wait_for_more_answers()
        while self._threads.has_done():
            self.settle_next()

    def _wait_for_more_answers(self) -> None:
        """Until half of the window is free, but not for long."""
        until = time.monotonic() + LINGER_SECONDS
        while 2 * self._threads.in_flight > self._window.size and (left := until - time.monotonic()) > 0:
            try:
                self.settle_next(left)
            except Empty:
                return

    def settle_all(self) -> None:
        """Wait until nothing is in flight."""
        while self._threads.in_flight:
            self.settle_next()

    def settle_next(self, seconds: float = inf) -> None:
        """Raises `Empty` when there is no outcome within so many seconds."""
        send = self._threads.take_done(seconds)
        self._trouble.note_outcome(send, self._recorder.record_outcome(send))
