"""Sends one broadcast. Each recipient passes through five stages; no Celery here.

1. Choose (`choose`): the next recipients, as many as the concurrency window has room for.
2. Wait for the rate (`rate_limit`): each takes a permit of its account and waits until the permit is due.
3. Send (`send_messages`, `threads`): one statement puts them in flight and writes the outcomes that are known by then;
   it is committed before any message leaves. So a message that a crash interrupts is unknown, and never sent twice.
4. Settle (`settle`): each outcome is recorded: done, failed, unknown, or pending again where the message certainly
   didn't leave.
5. Trouble (`trouble`): an error that concerns all recipients stops new sends until everything in flight is settled.
   Then the account is held off (a limit), the run waits in the queue (a paused template), the run waits for the
   provider (an outage), or the run fails (blocked). An error of one recipient doesn't stop the others.
"""

from __future__ import annotations

from runs.progress import Effects, Progress

from ..audience import skip_opted_out
from ..models import WhatsAppBroadcast
from ..providers.opening import open_provider
from .choose import RecipientQueue, pending_recipients
from .pipeline import Pipeline
from .threads import SendThreads

__all__ = ["pending_recipients", "send"]


def send(run: WhatsAppBroadcast, progress: Progress) -> None:
    """Send the message to every recipient that is still pending, each at most once.

    Raises `RunRejected`, `RunDeferred` or `RunUnreachable` where sending to the others would fail too; recipients that
    weren't sent to stay pending.
    """
    effects = Effects(progress)
    progress.fenced(skip_opted_out, run)
    with open_provider(run.account) as provider, SendThreads(provider) as threads:
        Pipeline(run, progress, effects, provider, threads, RecipientQueue(pending_recipients(run))).send_all()
    progress.fenced(skip_opted_out, run)  # those whose opt-out was found when they were to be put in flight
