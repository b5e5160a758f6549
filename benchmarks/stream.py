"""Two thousand subscribers of one process: when each change reaches each of them, and what it costs the database."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from dataclasses import dataclass, field
from itertools import count

from django.contrib.auth.models import User
from knox.models import AuthToken

from runs.models import Membership, Run
from runs.progress.flush import flush

from . import database
from .flush import report_of
from .harness import Options, Result, print_note
from .web_server import web_server

SUBSCRIBERS, FEW = 2_000, 10
BUSINESSES = 20  # each with a run that reports once a second, as a real one does
SECONDS = 30
AT_ONCE = 50  # connections that are being opened
IDLE_SECONDS = 10  # to count the queries of polling
SETTLED_SECONDS = 12  # until PostgreSQL has counted the earlier transactions

RUN = re.compile(rb'data: {"id":(\d+),.*?"version":(\d+),')


@dataclass
class Watch:
    """What the subscribers of one run received: the highest version of each, and how late each version came."""

    run: Run
    committed: dict[int, float] = field(default_factory=dict)
    seen: list[int] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    readers: list[asyncio.Task[None]] = field(default_factory=list)

    def receive(self, subscriber: int, version: int) -> None:
        """A newer version counts for all before it: the stream carries the run's present JSON, not a log."""
        now = time.perf_counter()
        for number in range(self.seen[subscriber] + 1, version + 1):
            if number in self.committed:
                self.delays.append(now - self.committed[number])
        self.seen[subscriber] = max(self.seen[subscriber], version)

    @property
    def missed(self) -> int:
        return sum(max(self.committed, default=0) > seen for seen in self.seen)


def measure(options: Options) -> Result:
    subscribers, seconds = options.amount(SUBSCRIBERS, least=FEW * 2), options.amount(SECONDS, least=3)
    with database.in_scratch("stream"):
        watches = [Watch(database.claimed_run()) for _ in range(BUSINESSES)]
        tokens = [_token(watch.run) for watch in watches]
        with web_server() as port:
            few, many = _measure_transactions(port, watches, tokens, subscribers, seconds)
    delays = sorted(delay for watch in watches for delay in watch.delays)
    expected = sum(len(watch.committed) * len(watch.seen) for watch in watches)
    p50, p99 = (delays[int(len(delays) * share)] for share in (0.5, 0.99))
    print_note(f"  {subscribers:,} subscribers, {len(delays):,} changes, p50 {p50:.2f} s, worst {delays[-1]:.2f} s")
    print_note(f"  transactions a second: {few:.1f} for {FEW} subscribers, {many:.1f} for {subscribers:,}")
    result = Result()
    result.at_most(0, "stream: subscribers that missed the last change", sum(watch.missed for watch in watches))
    result.at_least(100.0, "stream: committed changes that arrived, %", 100 * len(delays) / expected)
    result.at_most(1.5, f"stream: seconds until a change arrived, p99 of {subscribers:,} subscribers", p99)
    result.at_most(1.1, f"stream: queries a second, {subscribers:,} subscribers / {FEW}", many / few)
    return result


def _token(run: Run) -> str:
    user = User.objects.create(username=f"subscriber-{run.pk}")
    Membership.objects.create(user=user, business=run.business)
    return str(AuthToken.objects.create(user)[1])


def _measure_transactions(
    port: int, watches: list[Watch], tokens: list[str], subscribers: int, seconds: int
) -> tuple[float, float]:
    """Transactions a second with a few subscribers and with all, while nothing is written."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()  # the database's connection stays in the main thread

    def join(numbers: range) -> None:
        asyncio.run_coroutine_threadsafe(_join(port, watches, tokens, numbers), loop).result()

    join(range(FEW))
    few = transactions_a_second()
    join(range(FEW, subscribers))
    many = transactions_a_second()
    _write(watches, seconds)
    time.sleep(2)
    asyncio.run_coroutine_threadsafe(_leave(watches), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    return few, many


async def _join(port: int, watches: list[Watch], tokens: list[str], numbers: range) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def join_one(number: int) -> None:
        watch, token = watches[number % len(watches)], tokens[number % len(watches)]
        async with gate:
            reader = await _open_stream(port, watch.run.business_id, token)
        watch.seen.append(0)
        watch.readers.append(asyncio.create_task(_read(reader, watch, len(watch.seen) - 1)))

    await asyncio.gather(*(join_one(number) for number in numbers))


async def _leave(watches: list[Watch]) -> None:
    readers = [reader for watch in watches for reader in watch.readers]
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)


async def _open_stream(port: int, business: int, token: str) -> asyncio.StreamReader:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    reader.writer = writer  # type: ignore[attr-defined]  # or it would be collected, and closed
    lines = (
        f"GET /api/runs/stream/?business={business} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
    )
    writer.write("\r\n".join([*lines, "", ""]).encode())
    status = await reader.readline()
    assert b" 200 " in status, status
    return reader


async def _read(reader: asyncio.StreamReader, watch: Watch, subscriber: int) -> None:
    while line := await reader.readline():
        if found := RUN.match(line):
            watch.receive(subscriber, int(found[2]))


def transactions_a_second() -> float:
    time.sleep(SETTLED_SECONDS)
    before = _transactions()
    time.sleep(IDLE_SECONDS)
    return (_transactions() - before) / IDLE_SECONDS


def _transactions() -> int:
    return database.fetch_int("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")


def _write(watches: list[Watch], seconds: int) -> None:
    """Every run reports once a second, one after the other."""
    began = time.perf_counter()
    for number in count(1):
        for place, watch in enumerate(watches):
            due = began + number - 1 + place / len(watches)
            if due > began + seconds:
                return
            time.sleep(max(0.0, due - time.perf_counter()))
            version = watch.run.version + number
            flush(watch.run, report_of(number))
            watch.committed[version] = time.perf_counter()
