"""Stage 5: errors that concern every recipient: limits, blocked accounts, templates, outages."""

from __future__ import annotations

from typing import Final

from runs.exceptions import RunRejected
from runs.progress import Backoff, Progress

from ..meta_errors import advice_for
from ..models import WhatsAppBroadcast
from ..providers import Blocked, Provider, ProviderError, Refused, TemplateWaits, Throttled, Unclear, Unreachable
from .outage import Outage
from .rate_limit import LIMIT, RateLimiter
from .template_wait import end_template_wait, wait_for_template
from .threads import Send
from .window import ConcurrencyWindow

OUTAGE_AFTER: Final = 5  # messages in a row without an answer: fewer may have failed each for its own reason
FIRST_HOLD_OFF: Final = 2.0  # seconds
LONGEST_HOLD_OFF: Final = 300.0


class TroubleHandler:
    def __init__(
        self,
        run: WhatsAppBroadcast,
        progress: Progress,
        provider: Provider,
        limiter: RateLimiter,
        window: ConcurrencyWindow,
    ) -> None:
        self._run, self._progress, self._provider = run, progress, provider
        self._limiter, self._window = limiter, window
        self._outage = Outage(progress)
        self._refusals: list[Throttled | Blocked | TemplateWaits] = []  # that concern all recipients
        self._unanswered: list[ProviderError] = []  # in a row
        # In a row, without a message that was accepted or refused between them.
        self._hold_offs = Backoff(progress, key="held_off_seconds", first=FIRST_HOLD_OFF, longest=LONGEST_HOLD_OFF)
        self._has_sent = False  # has a message of this attempt been accepted?

    def note_outcome(self, send: Send, error: ProviderError | None) -> None:
        """Adapt the window to the outcome of a send, and remember what `handle_trouble` has to handle."""
        match error:
            case None:
                self._has_sent = True
                self._hold_offs.end()
                self._window.grow(send.seconds)
            case Refused():
                self._hold_offs.end()
            case Throttled(only_this_recipient=True):
                pass
            case Throttled() | Blocked() | TemplateWaits():
                self._refusals.append(error)
                self._window.halve(send.left_at)
            case _:
                self._unanswered.append(error)
                self._window.halve(send.left_at)
                return
        self._unanswered.clear()
        self._outage.end()

    @property
    def must_handle(self) -> bool:
        """Is there anything that must be handled before the next message leaves?"""
        return bool(self._refusals) or self._is_provider_away or self._has_template_wait_ended

    @property
    def _has_template_wait_ended(self) -> bool:
        return self._has_sent and self._run.paused_since is not None

    @property
    def _is_provider_away(self) -> bool:
        return len(self._unanswered) >= (1 if self._outage.is_on else OUTAGE_AFTER)

    def handle_trouble(self) -> None:
        """Wait for the end of the trouble, with nothing in flight.

        Raises `RunRejected`, `RunDeferred` or `RunUnreachable` where no worker should wait for it.
        """
        if self._has_template_wait_ended:
            end_template_wait(self._run, self._progress)
        refusals, self._refusals = self._refusals, []
        for error in refusals:
            _reject_if_blocked(error)
        for error in refusals:
            if isinstance(error, TemplateWaits):
                wait_for_template(self._run, self._progress, error)
        if limits := [error for error in refusals if isinstance(error, Throttled)]:
            self._hold_off_account(limits)
        if self._is_provider_away:
            self._wait_for_provider(self._unanswered[-1])

    def resume_outage(self) -> None:
        """Call at the beginning: an attempt that begins in an outage sends nothing before the provider answers."""
        if self._outage.is_on:
            self._wait_for_provider(self._check_provider())

    def _hold_off_account(self, limits: list[Throttled]) -> None:
        """No worker that sends by this account gets a permit before the hold-off ends."""
        asked = max(error.seconds or 0.0 for error in limits)
        seconds = self._hold_offs.next_pause(at_least=min(asked, LONGEST_HOLD_OFF))
        self._limiter.hold_off(seconds)
        self._hold_offs.wait(seconds, LIMIT)

    def _wait_for_provider(self, error: ProviderError | None) -> None:
        """Check without messages until the provider answers: each message tried would leave a recipient unknown.

        Then one message goes alone. If it gets no answer either, the outage goes on, with longer and longer pauses.
        """
        self._window.shut()
        while error:
            self._outage.wait(error)
            error = self._check_provider()

    def _check_provider(self) -> ProviderError | None:
        """The error by which the provider is still away."""
        try:
            self._provider.check()
        except (Unreachable, Unclear) as error:
            return error
        except ProviderError as error:
            _reject_if_blocked(error)
        return None


def _reject_if_blocked(error: ProviderError) -> None:
    if isinstance(error, Blocked):
        message = str(error) if f"(#{error.code})" in str(error) else f"{error} ({error.code})"
        raise RunRejected("\n".join(filter(None, [message, advice_for(error.code)]))) from error
