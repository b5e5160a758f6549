"""One broadcast: whom it still has to reach, and what becomes of each. No Celery here.

1. The next recipients are taken, as many as the concurrency window has room for, each at its permit of the rate limit.
2. They are put in flight by one statement, which also settles those that have been answered since; then they leave.
3. What comes back is recorded: done, failed, unknown, or put back where the message certainly didn't leave.
4. All pauses only at the provider's word (a limit) or after a run of silences, and ends only at wrong credentials or
   after an outage that was waited for. One recipient's fault stops nobody else.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator
from heapq import heappop, heappush
from queue import Empty
from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from runs.database import is_outage, retry_while_database_is_away
from runs.exceptions import RunRejected
from runs.progress import Effects
from runs.progress.progress import Progress
from runs.states import ItemStatus

from . import opt_outs
from .audience import leave_out_opted_out
from .clock import DatabaseClock
from .messages import Message
from .meta_errors import STOPPED, rule_of
from .models import OptOut, Recipient, WhatsAppBroadcast
from .outage import Outage
from .pace import Pacer
from .providers import Blocked, Provider, ProviderError, Refused, TemplateWaits, Throttled, Unclear, Unreachable
from .providers.opening import open_provider
from .threads import Send, SendThreads
from .waiting import wait_for_template
from .window import ConcurrencyWindow

logger = logging.getLogger(__name__)

BATCH = 500  # recipients read at once
TRIES = 3  # of a message to somebody who gets too many
SILENCES = 5  # in a row, without an answer between them: the provider is away
LONGEST_WAIT = 300.0  # seconds
LINGER_SECONDS: Final = 0.01  # a full window waits for a few answers more: one statement settles them all
LIMIT = gettext_noop("WhatsApp limit")


def send(run: WhatsAppBroadcast, progress: Progress) -> None:
    """Send the message to every recipient that is still pending, each at most once.

    Raises `RunDeferred` where the template is paused: whoever is pending waits with it.
    """
    effects = Effects(progress)
    progress.fenced(leave_out_opted_out, run)
    with open_provider(run.account) as provider, SendThreads(provider) as threads:
        Sender(run, progress, effects, provider, threads).send_to(pending(run))
    progress.fenced(leave_out_opted_out, run)  # whom a stop has kept from being begun


def pending(run: WhatsAppBroadcast) -> Iterator[Recipient]:
    """In the order of the audience, a batch at a time."""
    last = 0
    while batch := retry_while_database_is_away(_batch, run, last):
        yield from batch
        last = batch[-1].pk


def _batch(run: WhatsAppBroadcast, after: int) -> list[Recipient]:
    rows = Recipient.objects.filter(run=run, status=ItemStatus.PENDING, pk__gt=after)
    return list(rows.order_by("pk")[:BATCH])


class Sender:
    """Sends one broadcast, several messages side by side where one after the other can't keep the account's rate.

    Only the requests are in threads: what is known of the recipients is kept, and written, in the caller's.
    """

    def __init__(
        self,
        run: WhatsAppBroadcast,
        progress: Progress,
        effects: Effects,
        provider: Provider,
        threads: SendThreads,
    ) -> None:
        self._run, self._progress, self._effects = run, progress, effects
        self._provider, self._threads = provider, threads
        self._clock = DatabaseClock()
        self._pacer = Pacer(run.account)
        self._saved_size: int | None = run.cursor.get("window")
        self._window = ConcurrencyWindow(run.account.rate, provider.at_once, self._saved_size)
        self._outage = Outage(progress)
        # Whose messages certainly didn't leave, by the time from which they may be sent again.
        self._due_again: list[tuple[float, int, Recipient]] = []
        self._tries: Counter[int] = Counter()  # in vain, by recipient
        self._refusals: list[Throttled | Blocked | TemplateWaits] = []  # that concern everybody
        self._holds = 0  # in a row, with no message taken between them
        self._silences: list[ProviderError] = []  # in a row, without an answer between them
        self._has_sent = False  # has a message of this attempt been accepted?

    def send_to(self, recipients: Iterator[Recipient]) -> None:
        """Send to all of them. Who wasn't sent to is pending.

        Raises `RunRejected`, `RunDeferred` or `RunUnreachable` where nobody else could be sent to either.
        """
        try:
            while (chosen := self._choose_recipients(recipients)) or self._threads.in_flight or self._due_again:
                if chosen:
                    self._send_messages(chosen)
                elif not self._threads.in_flight:
                    self._progress.wait(self._due_again[0][0] - time.monotonic(), LIMIT)
                self._record_answers(wait_for_one=not chosen or self._is_full)
                self._handle_trouble()
        finally:
            self._record_all()

    # Who is next

    @property
    def _is_full(self) -> bool:
        return self._threads.in_flight >= self._window.size

    def _choose_recipients(self, recipients: Iterator[Recipient]) -> list[Recipient]:
        """The next one, at its moment, and those whose moments have come by then."""
        chosen: list[Recipient] = []
        while self._threads.in_flight + len(chosen) < self._window.size and (not chosen or self._pacer.is_due()):
            recipient = self._next_recipient(recipients)
            if recipient is None:
                break
            self._await_permit()
            chosen.append(recipient)
        return chosen

    def _next_recipient(self, recipients: Iterator[Recipient]) -> Recipient | None:
        if self._due_again and self._due_again[0][0] <= time.monotonic():
            return heappop(self._due_again)[2]
        return next(recipients, None)

    def _await_permit(self) -> None:
        delay = self._pacer.delay()
        if delay > settings.RUNS_FLUSH_INTERVAL_SECONDS:
            self._record_all()
            self._progress.wait(delay, LIMIT)
        elif delay:
            self._effects.settle()  # what is known must not hang on what comes after the pause
            time.sleep(delay)

    # There and back

    def _send_messages(self, chosen: list[Recipient]) -> None:
        self._save_window()
        sends = [
            Send(recipient, message)
            for recipient in self._effects.begin(chosen)
            if (message := self._message_to(recipient))
        ]
        if self._window.size > 1:
            self._threads.submit(sends, self._window.answer_seconds)
        else:
            for send in sends:
                self._threads.carry_out_here(send)

    def _save_window(self) -> None:
        """With the statement that follows anyway, so that the next attempt opens its window where this one's was."""
        if self._window.size != self._saved_size:
            self._saved_size = self._window.size
            self._progress.checkpoint(window=self._saved_size)

    def _message_to(self, recipient: Recipient) -> Message | None:
        """None where it can't be written: that recipient has failed."""
        try:
            return self._run.message_to(recipient)
        except Exception as error:
            self._effects.failed(recipient, self._unexpected(recipient, error), "unexpected")
            return None

    def _record_answers(self, *, wait_for_one: bool) -> None:
        if wait_for_one and self._threads.in_flight:
            self._record(self._threads.take_done())
            self._linger()
        while self._threads.has_done():
            self._record(self._threads.take_done())

    def _linger(self) -> None:
        """Until half of the window is free, but not for long."""
        until = time.monotonic() + LINGER_SECONDS
        while 2 * self._threads.in_flight > self._window.size and (left := until - time.monotonic()) > 0:
            try:
                self._record(self._threads.take_done(left))
            except Empty:
                return

    def _record_all(self) -> None:
        while self._threads.in_flight:
            self._record(self._threads.take_done())

    def _record(self, send: Send) -> None:
        match send.error:
            case None:
                self._effects.done(send.recipient, **send.accepted._asdict(), answered_at=self._now())
                self._has_sent = True
                self._window.grow(send.seconds)
                self._note_contact()
                self._holds = 0
            case Refused() as error:
                self._refuse(send.recipient, error)
                self._note_contact()
                self._holds = 0
            case Throttled(only_this_recipient=True) as error:
                self._try_again(send.recipient, error)
                self._note_contact()
            case Throttled() | Blocked() | TemplateWaits() as error:
                self._put_back(send.recipient)
                self._refusals.append(error)
                self._window.halve(send.left_at)
                self._note_contact()
            case Unreachable() as error:
                self._put_back(send.recipient)
                self._note_silence(error, send.left_at)
            case Unclear() as error:
                self._effects.unknown(send.recipient, error, error.code)
                self._note_silence(error, send.left_at)
            case error if is_outage(error):
                raise error
            case error:
                unclear = Unclear(self._unexpected(send.recipient, error), "unexpected")
                self._effects.unknown(send.recipient, unclear, unclear.code)
                self._note_silence(unclear, send.left_at)

    def _unexpected(self, recipient: Recipient, error: Exception) -> str:
        """A fault of the program: in the log with its traceback, and one sentence for the recipient."""
        logger.error("Recipient failed: run=%s recipient=%s", self._run.pk, recipient.pk, exc_info=error)
        return _("The program failed: %(error)s") % {"error": str(error) or type(error).__name__}

    def _refuse(self, recipient: Recipient, error: ProviderError) -> None:
        if error.code == STOPPED:  # at once: other broadcasts may be about to write to them
            person = opt_outs.Person(self._run.business_id, recipient.phone)
            retry_while_database_is_away(opt_outs.stop, person, OptOut.Source.REFUSED, self._clock.now())
        self._effects.failed(recipient, error, error.code, answered_at=self._now())

    def _now(self) -> str:
        return self._clock.now().isoformat()

    def _try_again(self, recipient: Recipient, error: Throttled) -> None:
        """Later, and not for ever. Meta's advice for the limit of a pair: wait 4 s, then 16 s."""
        self._tries[recipient.pk] += 1
        if self._tries[recipient.pk] >= TRIES:
            self._effects.failed(recipient, error, error.code, answered_at=self._now())
        else:
            self._put_back(recipient, error.seconds or 4.0 ** self._tries[recipient.pk])

    def _put_back(self, recipient: Recipient, seconds: float = 0.0) -> None:
        self._effects.put_back(recipient)
        heappush(self._due_again, (time.monotonic() + seconds, recipient.pk, recipient))

    # When it doesn't go well

    def _note_contact(self) -> None:
        self._silences.clear()
        self._outage.end()

    def _note_silence(self, error: ProviderError, left_at: float) -> None:
        """One is bad luck, that message's alone; a run of them is an outage."""
        self._silences.append(error)
        self._window.halve(left_at)

    def _handle_trouble(self) -> None:
        """Nothing more leaves until everything in flight is back, and a while has passed."""
        if not self._refusals and len(self._silences) < SILENCES:
            return
        self._record_all()
        refusals, self._refusals = self._refusals, []
        for error in refusals:
            self._reject_if_blocked(error)
        for error in refusals:
            if isinstance(error, TemplateWaits):
                wait_for_template(self._run, self._progress, error, has_sent=self._has_sent)
        if limits := [error for error in refusals if isinstance(error, Throttled)]:
            self._hold_account(limits)
        if len(self._silences) >= SILENCES:
            self._wait_for_contact()

    def _reject_if_blocked(self, error: ProviderError) -> None:
        if isinstance(error, Blocked):
            words = str(error) if f"(#{error.code})" in str(error) else f"{error} ({error.code})"
            raise RunRejected("\n".join(filter(None, [words, _advice(error)]))) from error

    def _hold_account(self, limits: list[Throttled]) -> None:
        """The whole account waits, whoever sends by it: the next one gets no permit before."""
        self._holds += 1
        seconds = max(error.seconds or 2.0**self._holds for error in limits)
        self._pacer.hold(min(seconds, LONGEST_WAIT))

    def _wait_for_contact(self) -> None:
        """Messages would use up their recipients, each try one: the provider is asked without any until it answers.

        Then one goes alone. If that has no answer either, the outage goes on, with longer and longer pauses.
        """
        self._window.shut()
        error: ProviderError | None = self._silences[-1]
        while error:
            self._outage.wait(error)
            error = self._ask_provider()

    def _ask_provider(self) -> ProviderError | None:
        """The error that it is still away by."""
        try:
            self._provider.check()
        except (Unreachable, Unclear) as error:
            return error
        except ProviderError as error:
            self._reject_if_blocked(error)
        return None


def _advice(error: ProviderError) -> str:
    advice = rule_of(error.code).advice
    return _(advice) if advice else ""
