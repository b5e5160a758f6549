"""Stage 4: the outcome of one recipient is recorded."""

from __future__ import annotations

from collections import Counter
from typing import Final

from runs.database import is_outage, retry_while_database_is_away
from runs.progress import Effects

from .. import opt_outs
from ..meta_errors import STOPPED
from ..models import OptOut, Recipient, WhatsAppBroadcast
from ..providers import Blocked, ProviderError, Refused, TemplateWaits, Throttled, Unclear, Unreachable
from .choose import RecipientQueue
from .clock import DatabaseClock
from .faults import FAULT_CODE, report_fault
from .threads import Send

MAX_TRIES: Final = 3  # of a message to one recipient who gets too many


class OutcomeRecorder:
    def __init__(self, run: WhatsAppBroadcast, effects: Effects, queue: RecipientQueue) -> None:
        self._run, self._effects, self._queue = run, effects, queue
        self._clock = DatabaseClock()
        # Of those who were refused by the limit of a pair and are pending, by recipient. From attempt to attempt: each
        # would begin anew otherwise. (Texts, for JSON has no other keys.)
        self.tries: Counter[str] = Counter(run.cursor.get("tries", {}))

    def record_outcome(self, send: Send) -> ProviderError | None:
        """Record it with the effects, whose next statement writes it; return the error, None where it was accepted."""
        recipient = send.recipient
        match send.error:
            case None:
                self.tries.pop(str(recipient.pk), None)
                self._effects.done(recipient, **send.accepted._asdict(), answered_at=self._clock.isoformat())
                return None
            case Refused() as error:
                self._fail_recipient(recipient, error)
            case Throttled(only_this_recipient=True) as error:
                self._retry_later(recipient, error)
            case Throttled() | Blocked() | TemplateWaits() | Unreachable() as error:
                self._put_back(recipient)
            case Unclear() as error:
                self._effects.unknown(recipient, error, error.code)
            case error if is_outage(error):
                raise error
            case fault:
                error = Unclear(report_fault(recipient, fault), FAULT_CODE)
                self._effects.unknown(recipient, error, error.code)
        return error

    def _fail_recipient(self, recipient: Recipient, error: ProviderError) -> None:
        if error.code == STOPPED:  # at once: other broadcasts may be about to write to this number
            person = opt_outs.Person(self._run.business_id, recipient.phone)
            retry_while_database_is_away(opt_outs.record_stop, person, OptOut.Source.REFUSED, self._clock.now())
        self._effects.failed(recipient, error, error.code, answered_at=self._clock.isoformat())

    def _retry_later(self, recipient: Recipient, error: Throttled) -> None:
        """A few times. Meta's advice for the limit of a pair: wait 4 s, then 16 s."""
        key = str(recipient.pk)
        self.tries[key] += 1
        if self.tries[key] >= MAX_TRIES:
            del self.tries[key]
            self._effects.failed(recipient, error, error.code, answered_at=self._clock.isoformat())
        else:
            self._put_back(recipient, error.seconds or 4.0 ** self.tries[key])

    def _put_back(self, recipient: Recipient, seconds: float = 0.0) -> None:
        """The message certainly didn't leave: the recipient is pending again, and next in this many seconds."""
        self._effects.put_back(recipient)
        self._queue.postpone(recipient, seconds)
