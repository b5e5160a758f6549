"""How far off the time left is that people see at half time, over runs like those of the demo."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any, TypeVar
from unittest import mock

from django.test import override_settings

from broadcasts.audience import read_listed
from broadcasts.models import ProviderAccount, WhatsAppBroadcast
from broadcasts.sending import send
from broadcasts.starting import Draft, start_broadcast
from demo import mailboxes
from demo.calls import FOLDERS
from demo.mailboxes.server import serve
from receipts.models import ReceiptSyncRun
from receipts.sync.mailbox_sync import sync_mailbox
from recordings.collection.collect import collect
from recordings.models import RecordingRun, Source
from runs.lifecycle.worker import Work
from runs.models import Run
from runs.progress.report_builder import ReportBuilder

from . import claims, database
from .harness import Options, Result, Unavailable, print_note
from .receipts import files_elsewhere
from .recordings import using_demo_model

MESSAGES, MESSAGES_A_SECOND = 400, 20  # it takes some 20 s
ROUNDS = 3
SHORT = 12.0  # seconds: a run that is over so soon may have no estimate at half time, for want of a sample
R = TypeVar("R", bound=Run)


def measure(options: Options) -> Result:
    errors: list[float] = []
    with database.in_scratch("estimates"), files_elsewhere():
        for score in (_score_letters, _score_messages, _score_calls):
            try:
                found = [each for each in score(min(ROUNDS, options.rounds)) if each is not None]
            except Unavailable as reason:
                print_note(f"  not measured, {reason}")
                continue
            shown = ", ".join(f"{each:.0f} %" for each in found) or "over too soon for an estimate"
            print_note(f"  {score.__name__.removeprefix('_score_')}: {shown}")
            errors += found
    result = Result()
    result.at_most(20, "estimates: % off at half time, median over all runs", median(errors) if errors else None)
    return result


def _score_letters(rounds: int) -> list[float | None]:
    with serve([mailboxes.served_mailbox(mailboxes.MAILBOX_A)]) as server:

        def queue() -> ReceiptSyncRun:
            return database.queued_run(port=server.port, username=mailboxes.MAILBOX_A, secret=mailboxes.PASSWORD)

        return [_score(ReceiptSyncRun, sync_mailbox, queue) for _ in range(rounds)]


def _score_messages(rounds: int) -> list[float | None]:
    account = ProviderAccount.objects.create(
        business=database.new_business(), name="Outbox", kind="outbox", rate=MESSAGES_A_SECOND, failure_rate=0.05
    )
    numbers = [f"+97250{2_000_000 + number}" for number in range(MESSAGES)]

    def queue() -> WhatsAppBroadcast:
        return start_broadcast(Draft(account, "Benchmark", "Hello", read_listed(numbers)), None)

    return [_score(WhatsAppBroadcast, send, queue) for _ in range(rounds)]


def _score_calls(rounds: int) -> list[float | None]:
    folder = str(FOLDERS["business-a"])

    def queue() -> RecordingRun:
        business = database.new_business()
        source = Source.objects.create(business=business, name="demo", kind="folder", folder=folder, language="en")
        return RecordingRun.objects.create(business=business, source=source)

    with using_demo_model(), override_settings(RECORDINGS_FOLDERS=[folder]):
        return [_score(RecordingRun, collect, queue) for _ in range(rounds)]


def _score(model: type[R], work: Work[R], queue: Callable[[], Any]) -> float | None:
    """Work on one run; by how many percent the time left was off when half of the time had passed.

    None for a short run without an estimate; 100 for a longer one.
    """
    shown: list[tuple[float, float | None]] = []
    build = ReportBuilder.build

    def build_and_note(self: ReportBuilder, *arguments: Any) -> Any:
        report = build(self, *arguments)
        shown.append((time.monotonic(), report.eta))
        return report

    queue()
    began = time.monotonic()
    with mock.patch.object(ReportBuilder, "build", build_and_note):
        claims.work_on_next(model, work)
    ended = time.monotonic()
    at, left = min(shown, key=lambda each: abs(each[0] - (began + ended) / 2))
    if left is None:
        return None if ended - began < SHORT else 100.0
    return abs(left - (ended - at)) / (ended - at) * 100
