"""One broadcast: whom it still has to reach, and what becomes of each. No Celery here."""

from __future__ import annotations

import time
from collections.abc import Iterator

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from runs.effects import Effects
from runs.exceptions import RunRejected
from runs.progress import Progress, patiently
from runs.states import ItemStatus

from .audience import leave_out_opted_out
from .models import Recipient, WhatsAppBroadcast
from .pace import Pacer
from .providers import Blocked, Provider, Refused, Throttled, Unclear, Unreachable

BATCH = 500  # recipients read at once
TRIES = 3  # of a message that certainly didn't leave
TROUBLES = 5  # recipients in a row without an answer, after which a person should look
LONGEST_WAIT = 300.0  # seconds
LIMIT = gettext_noop("WhatsApp limit")
NO_CONTACT = gettext_noop("WhatsApp can't be reached")


def send(run: WhatsAppBroadcast, progress: Progress) -> None:
    """Send the message to every recipient that is still pending, each at most once."""
    effects = Effects(progress)
    progress.fenced(leave_out_opted_out, run)
    with run.account.provider() as provider:
        sender = Sender(run, progress, effects, provider)
        for recipient in effects.each(sender.paced(pending(run))):
            sender.deliver(recipient)


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
    """What the sending of one broadcast remembers from recipient to recipient."""

    def __init__(self, run: WhatsAppBroadcast, progress: Progress, effects: Effects, provider: Provider) -> None:
        self._run, self._progress, self._effects, self._provider = run, progress, effects, provider
        self._pacer = Pacer(run.account)
        self._throttled = 0  # times in a row
        self._troubles = 0  # recipients in a row without an answer

    def paced(self, recipients: Iterator[Recipient]) -> Iterator[Recipient]:
        for recipient in recipients:
            self._await_moment()
            yield recipient

    def _await_moment(self) -> None:
        delay = self._pacer.delay()
        if delay > settings.RUNS_FLUSH_INTERVAL_SECONDS:
            self._progress.wait(delay, LIMIT)
        elif delay:
            self._effects.settle()  # what is known must not hang on what comes after the pause
            time.sleep(delay)

    def deliver(self, recipient: Recipient) -> None:  # noqa: C901  a provider has five ways to say no
        """Send the message to a recipient who is in flight, and tell what came of it.

        Raises `RunRejected` where no other could be sent either; this one is pending again then.
        """
        message, tries = self._run.message_to(recipient), 0
        while True:
            try:
                message_id = self._provider.send(message)
            except Throttled as error:
                tries += error.only_this_recipient
                if tries == TRIES:
                    return self._effects.failed(error, error.code)
                self._effects.put_back()
                self._hold(error)
            except Unreachable as error:
                tries += 1
                if tries == TRIES:
                    self._effects.failed(error, error.code)
                    return self._trouble(error)
                self._effects.put_back()
                self._progress.wait(2**tries, NO_CONTACT)
            except Blocked as error:
                self._effects.put_back()
                raise RunRejected(_named(error)) from error
            except Unclear as error:
                self._effects.unknown(error, error.code)
                return self._trouble(error)
            except Refused as error:
                self._throttled = self._troubles = 0
                return self._effects.failed(error, error.code)
            else:
                self._throttled = self._troubles = 0
                return self._effects.done(message_id=message_id)
            if not self._effects.begin(recipient):
                return None  # settled by somebody else during the pause: an opt-out, say

    def _hold(self, error: Throttled) -> None:
        """The whole account waits, whoever sends by it; a limit of one pair is this run's alone."""
        self._throttled += 1
        seconds = min(error.seconds or 2.0**self._throttled, LONGEST_WAIT)
        if error.only_this_recipient:
            self._progress.wait(seconds, LIMIT)
            return
        self._effects.settle()
        self._pacer.hold(seconds)
        self._await_moment()

    def _trouble(self, error: Unreachable | Unclear) -> None:
        """One without an answer is bad luck; in a row they would use up everybody, a few at a time."""
        self._troubles += 1
        if self._troubles >= TROUBLES:
            raise RunRejected(
                _("WhatsApp gave no answer %(count)d times in a row: %(error)s")
                % {"count": self._troubles, "error": error}
            ) from error
        self._progress.wait(2.0**self._troubles, NO_CONTACT)


def _named(error: Blocked) -> str:
    return f"{error} ({error.code})"
