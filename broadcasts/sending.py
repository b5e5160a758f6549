"""One broadcast: whom it still has to reach, and what becomes of each. No Celery here."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from math import ceil
from queue import SimpleQueue
from typing import NamedTuple

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from runs.effects import Effects
from runs.exceptions import RunRejected
from runs.progress import SMOOTHING, Progress, patiently
from runs.states import ItemStatus

from . import opt_outs
from .audience import leave_out_opted_out
from .clock import DatabaseClock
from .messages import Message
from .meta_errors import STOPPED, rule_of
from .models import OptOut, Recipient, WhatsAppBroadcast
from .pace import Pacer
from .providers import Accepted, Blocked, Provider, ProviderError, Refused, TemplateWaits, Throttled, Unclear
from .waiting import wait_for_template

BATCH = 500  # recipients read at once
TRIES = 3  # of a message that certainly didn't leave
TROUBLES = 5  # pauses in a row without an answer between them, after which a person should look
LONGEST_WAIT = 300.0  # seconds
LIMIT = gettext_noop("WhatsApp limit")
NO_CONTACT = gettext_noop("WhatsApp can't be reached")


def send(run: WhatsAppBroadcast, progress: Progress) -> None:
    """Send the message to every recipient that is still pending, each at most once.

    Raises `RunDeferred` where the template is paused: whoever is pending waits with it.
    """
    effects = Effects(progress)
    progress.fenced(leave_out_opted_out, run)
    with run.account.provider() as provider, ThreadPoolExecutor(provider.at_once) as threads:
        Sender(run, progress, effects, provider, threads).reach(pending(run))
    progress.fenced(leave_out_opted_out, run)  # whom a stop has kept from being begun


def pending(run: WhatsAppBroadcast) -> Iterator[Recipient]:
    """In the order of the audience, a batch at a time."""
    last = 0
    while batch := patiently(_batch, run, last):
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
        threads: Executor,
    ) -> None:
        self._run, self._progress, self._effects = run, progress, effects
        self._provider, self._threads = provider, threads
        self._clock = DatabaseClock()
        self._pacer = Pacer(run.account)
        self._window = Window(run.account.rate, provider.at_once)
        self._flights: dict[Future[Answer], Recipient] = {}
        self._landed: SimpleQueue[Future[Answer]] = SimpleQueue()  # of the flights, those that have an answer
        self._again: deque[Recipient] = deque()  # whose messages certainly didn't leave
        self._tries: Counter[int] = Counter()  # in vain, by recipient
        self._errors: list[ProviderError] = []  # that everybody should pause for
        self._throttled = self._troubles = 0  # pauses in a row
        self._has_sent = False  # has a message of this attempt been accepted?

    def reach(self, recipients: Iterator[Recipient]) -> None:
        """Raises `RunRejected`, or `RunDeferred`, where nobody else could be sent to either; who wasn't is pending."""
        try:
            while (turn := self._turn(recipients)) or self._flights:
                self._launch(turn)
                self._land(wait_for_one=not turn or self._is_full)
                self._pause()
        finally:
            self._land_all()

    # Who is next

    @property
    def _is_full(self) -> bool:
        return len(self._flights) >= self._window.size

    def _turn(self, recipients: Iterator[Recipient]) -> list[Recipient]:
        """The next one, at its moment, and those whose moments have come by then."""
        turn: list[Recipient] = []
        while len(self._flights) + len(turn) < self._window.size and (not turn or self._pacer.is_due()):
            recipient = self._again.popleft() if self._again else next(recipients, None)
            if recipient is None:
                break
            self._await_moment()
            turn.append(recipient)
        return turn

    def _await_moment(self) -> None:
        delay = self._pacer.delay()
        if delay > settings.RUNS_FLUSH_INTERVAL_SECONDS:
            self._land_all()
            self._progress.wait(delay, LIMIT)
        elif delay:
            self._effects.settle()  # what is known must not hang on what comes after the pause
            time.sleep(delay)

    # There and back

    def _launch(self, turn: list[Recipient]) -> None:
        for recipient in self._effects.begin(turn) if turn else ():
            answer = self._submit(self._run.message_to(recipient))
            self._flights[answer] = recipient
            answer.add_done_callback(self._landed.put)

    def _submit(self, message: Message) -> Future[Answer]:
        if self._window.size > 1:
            return self._threads.submit(timed, self._provider, message)
        alone: Future[Answer] = Future()
        try:
            alone.set_result(timed(self._provider, message))
        except ProviderError as error:
            alone.set_exception(error)
        return alone

    def _land(self, *, wait_for_one: bool) -> None:
        while self._flights and (wait_for_one or not self._landed.empty()):
            self._tell(self._landed.get())
            wait_for_one = False

    def _land_all(self) -> None:
        while self._flights:
            self._tell(self._landed.get())

    def _tell(self, answer: Future[Answer]) -> None:
        recipient = self._flights.pop(answer)
        try:
            accepted, seconds = answer.result()
        except Refused as error:
            self._refuse(recipient, error)
            self._throttled = self._troubles = 0
        except Unclear as error:
            self._effects.unknown(recipient, error, error.code)
            self._errors.append(error)
        except ProviderError as error:
            self._try_again(recipient, error)
            self._errors.append(error)
        else:
            self._effects.done(recipient, **accepted._asdict(), answered_at=self._now())
            self._has_sent = True
            self._window.answered(seconds)
            self._throttled = self._troubles = 0

    def _refuse(self, recipient: Recipient, error: ProviderError) -> None:
        if error.code == STOPPED:  # at once: other broadcasts may be about to write to them
            told = (recipient.phone, OptOut.Source.REFUSED, self._clock.now())
            patiently(opt_outs.stop, self._run.business_id, *told)
        self._effects.failed(recipient, error, error.code, answered_at=self._now())

    def _now(self) -> str:
        return self._clock.now().isoformat()

    def _try_again(self, recipient: Recipient, error: ProviderError) -> None:
        self._tries[recipient.pk] += error.costs_a_try
        if self._tries[recipient.pk] >= TRIES:
            self._effects.failed(recipient, error, error.code, answered_at=self._now())
        else:
            self._effects.put_back(recipient)
            self._again.append(recipient)

    # When it doesn't go well

    def _pause(self) -> None:
        """Nothing more leaves until everything under way is back, and a while has passed."""
        if not self._errors:
            return
        self._land_all()
        errors, self._errors = self._errors, []
        self._window.shut()
        self._give_up_if_blocked(errors)
        if limits := [error for error in errors if isinstance(error, Throttled)]:
            self._hold(limits)
        if silences := [error for error in errors if not isinstance(error, Throttled)]:
            self._wait_for_contact(silences[-1])

    def _give_up_if_blocked(self, errors: list[ProviderError]) -> None:
        for error in errors:
            if isinstance(error, Blocked):
                raise RunRejected(" ".join(filter(None, [f"{error} ({error.code})", _advice(error)]))) from error
        for error in errors:
            if isinstance(error, TemplateWaits):
                wait_for_template(self._run, self._progress, error, has_sent=self._has_sent)

    def _hold(self, limits: list[Throttled]) -> None:
        """The whole account waits, whoever sends by it; a limit of one pair is this run's alone."""
        self._throttled += 1
        seconds = min(max(error.seconds or 2.0**self._throttled for error in limits), LONGEST_WAIT)
        if all(error.only_this_recipient for error in limits):
            self._progress.wait(seconds, LIMIT)
        else:
            self._pacer.hold(seconds)  # and the next one waits for its moment

    def _wait_for_contact(self, error: ProviderError) -> None:
        """One without an answer is bad luck; in a row they would use up everybody, a few at a time."""
        self._troubles += 1
        if self._troubles >= TROUBLES:
            raise RunRejected(
                _("WhatsApp gave no answer %(count)d times in a row: %(error)s")
                % {"count": self._troubles, "error": error}
            ) from error
        self._progress.wait(2.0**self._troubles, NO_CONTACT)


def _advice(error: ProviderError) -> str:
    advice = rule_of(error.code).advice
    return _(advice) if advice else ""


class Answer(NamedTuple):
    accepted: Accepted
    seconds: float  # it took


def timed(provider: Provider, message: Message) -> Answer:
    began = time.monotonic()
    accepted = provider.send(message)
    return Answer(accepted, time.monotonic() - began)


class Window:
    """How many messages may be under way: what the account's rate comes to within the time of one answer.

    It opens by one with each answer, and shuts to one in a time of trouble.
    """

    def __init__(self, rate: float, most: int) -> None:
        self._rate, self._most = rate, most
        self._seconds = 0.0  # an answer, smoothed
        self.size = 1

    def answered(self, seconds: float) -> None:
        self._seconds += SMOOTHING * (seconds - self._seconds)
        needed = ceil(self._rate * self._seconds)
        self.size = max(1, min(self.size + 1, needed, self._most))

    def shut(self) -> None:
        self.size = 1
