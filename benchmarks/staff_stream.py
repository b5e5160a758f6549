"""The operator's home, two thousand runs being active: what fifty viewers cost the database beside one."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPResponse

from django.contrib.auth.models import User
from django.db.models.functions import Now
from knox.models import AuthToken

from receipts.models import Mailbox, ReceiptSyncRun
from runs.models import Business
from runs.states import Status

from . import database
from .harness import Options, Result, print_note
from .stream import transactions_a_second
from .web_server import web_server

VIEWERS, RUNS = 50, 2_000
LANGUAGES = ("en", "he")


def measure(options: Options) -> Result:
    runs, viewers = options.amount(RUNS, least=100), options.amount(VIEWERS, least=4)
    with database.in_scratch("staff_stream"), ExitStack() as stack:
        _make_active_runs(runs)
        token = str(AuthToken.objects.create(User.objects.create_superuser("operator"))[1])
        port = stack.enter_context(web_server())

        def watch(number: int) -> HTTPResponse:
            connection = stack.enter_context(closing(HTTPConnection("127.0.0.1", port, timeout=60)))
            path = f"/api/admin/runs/stream/?lang={LANGUAGES[number % 2]}"
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            return connection.getresponse()

        _read_state(watch(0))
        one = transactions_a_second()
        began = time.perf_counter()
        for stream in [watch(number) for number in range(1, viewers)]:
            _read_state(stream)
        joined = time.perf_counter() - began
        many = transactions_a_second()
    print_note(
        f"  transactions a second: {one:.1f} for one viewer, {many:.1f} for {viewers}, who joined in {joined:.1f} s"
    )
    result = Result()
    figure = f"staff stream: queries a second, {viewers} viewers / 1, {runs:,} active runs"
    result.at_most(1.1, figure, many / one)
    return result


def _make_active_runs(number: int) -> None:
    """Each of a business of its own, as the type is exclusive."""
    businesses = Business.objects.bulk_create(Business(name=f"Many {n}", slug=f"many-{n}") for n in range(number))
    mailbox = Mailbox.objects.create(business=businesses[0], host="127.0.0.1", username="nobody", secret="none")
    fields = {"mailbox": mailbox, "status": Status.RUNNING, "attempt": 1, "worker": "w"}
    ReceiptSyncRun.objects.bulk_create(ReceiptSyncRun(business=business, **fields) for business in businesses)
    ReceiptSyncRun.objects.update(heartbeat_at=Now(), progress_at=Now())


def _read_state(stream: HTTPResponse) -> None:
    """It comes after the rows that it lists."""
    while line := stream.readline():
        if line == b"event: state\n":
            return
    raise RuntimeError(f"the stream ended: {stream.status}")
