"""Messages a second of a whole broadcast, beside a bare loop of the same HTTP calls, and beside its account's rate
limit with and without faults; the cost of storing an audience beside parsing its file; memory."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import IO, Any

import httpx
import phonenumbers
from django.conf import settings
from django.db import connection
from django.test import override_settings

from broadcasts.audience import read_csv, read_listed
from broadcasts.models import Pace, ProviderAccount, WhatsAppBroadcast
from broadcasts.sending import send
from broadcasts.starting import Draft, preview, start_broadcast
from demo.fakes import graph
from runs.models import Business
from runs.states import FINISHED

from . import claims, database
from .harness import Options, Result, Timed, interleaved, print_note, print_seconds, ratio

MESSAGES = 2_000
UNLIMITED = 1_000_000
RATE, PROCESSES, SECONDS = 80, 4, 10  # the rate limit: messages a second, by how many processes, for how long
ANSWER = 0.25  # seconds until Meta answers, over a long distance
RESETS = 0.05  # the share of messages after which the connection is reset
LIFE, NOTICED = 8.0, 1.0  # seconds that a pool process lives, and until its parent notices that it died
FEW, MANY = 1_000, 100_000  # the audiences whose memory is compared

OURS, BARE = "a whole broadcast", "a bare loop of the same HTTP calls"
PREVIEW, START, PARSE = "a preview", "a start", "a bare parse and validation of the file"

_numbers = count(1)


def measure(options: Options) -> Result:
    result = Result()
    with database.in_scratch("broadcasts"), _server() as url, override_settings(WHATSAPP_API_URL=url):
        _measure_throughput(result, options, url)
        _measure_rate_limit(result, options, url)
        _measure_steadiness(result, options, url)
        _measure_audience(result, options)
        _measure_memory(result, options)
    return result


@contextmanager
def _server() -> Iterator[str]:
    """The fake Meta in its own process, so that no side shares its interpreter with it."""
    process = subprocess.Popen([sys.executable, "-m", graph.__name__], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def _measure_throughput(result: Result, options: Options, url: str) -> None:
    messages = options.amount(MESSAGES, least=20)
    sides: dict[str, Timed] = {OURS: lambda: _time_broadcast(messages), BARE: lambda: _time_bare_posts(url, messages)}
    seconds = interleaved(sides, options.rounds)
    print_seconds(seconds, dict.fromkeys(seconds, messages))
    result.at_least(0.6, f"broadcasts: messages a second, {OURS} / {BARE}", ratio(seconds, BARE, OURS))


def _time_broadcast(messages: int) -> float:
    run = _queue_broadcast(messages)
    began = time.perf_counter()
    claims.work_on_next(WhatsAppBroadcast, send)
    seconds = time.perf_counter() - began
    run.refresh_from_db()
    assert (run.status, run.sent) == ("completed", messages), (run.status, run.error_message)
    return seconds


def _queue_broadcast(
    messages: int, rate: float = UNLIMITED, account: ProviderAccount | None = None
) -> WhatsAppBroadcast:
    account = account or _make_account(rate)
    audience = read_listed([f"+97250{2_000_000 + number}" for number in range(messages)])
    return start_broadcast(Draft(account, "Benchmark", "Hello", audience), None)


def _make_account(rate: float) -> ProviderAccount:
    number = next(_numbers)
    business = Business.objects.create(name=f"Broadcasts {number}", slug=f"broadcasts-{number}")
    return ProviderAccount.objects.create(
        business=business, name="Benchmark", phone_number_id=str(number), token="token", rate=rate
    )


def _time_bare_posts(url: str, messages: int) -> float:
    """Send what pywa sends, over the same kind of connection."""
    headers = {"Authorization": "Bearer token"}
    with httpx.Client(base_url=f"{url}/v23.0", headers=headers) as client:
        began = time.perf_counter()
        for number in range(messages):
            body = {
                "messaging_product": "whatsapp",
                "recipient_type": "individual",
                "type": "text",
                "to": f"+97250{2_000_000 + number}",
                "biz_opaque_callback_data": f"{number}:0123456789012345678901234567890123456789012",
                "text": {"body": "Hello", "preview_url": True},
            }
            assert client.post("/1/messages", json=body).json()["messages"][0]["id"]
        return time.perf_counter() - began


def _measure_rate_limit(result: Result, options: Options, url: str) -> None:
    """Four broadcasts by one account, each in a worker process of its own, as the server sees them."""
    seconds = options.amount(SECONDS * 1000, least=2000) / 1000
    account = _make_account(RATE)
    runs = [_queue_broadcast(round(RATE * seconds), account=account) for _ in range(PROCESSES)]
    before = len(_fetch_received(url))
    Pace.objects.get_or_create(account=account)
    processes = [_start_process(_IN_CHILD + "work_on_next(WhatsAppBroadcast, send)") for _ in runs]
    try:
        moments: list[float] = []
        while len(moments) < RATE * (seconds + 2):  # the first two seconds pass while they start
            time.sleep(0.2)
            moments = [at for at, _to, _tracker in _fetch_received(url)[before:]]
            assert any(process.poll() is None for process in processes), "the workers have ended too soon"
    finally:
        for process in processes:
            process.kill()
            process.wait()
    start = moments[RATE]
    rate = sum(start <= at < start + seconds for at in moments) / seconds
    print_note(f"  {rate:.2f} messages a second by {PROCESSES} processes")
    deviation = abs(rate - RATE) / RATE
    result.at_most(0.05, f"broadcasts: distance from {RATE}/s over {seconds:g} s, {PROCESSES} processes", deviation)


def _measure_steadiness(result: Result, options: Options, url: str) -> None:
    """The share of its account's rate that one broadcast reaches with slow answers, and with faults.

    Only messages that were answered count.
    """
    figure = f"broadcasts: share of {RATE}/s that one broadcast reaches with answers of {ANSWER * 1000:g} ms"
    messages = options.amount(RATE * SECONDS, least=40)
    share = _measure_share(url, messages, _execute)
    result.at_least(0.95, figure, share)
    share = _measure_share(url, messages, _execute, resets=RESETS)
    result.at_least(0.6, f"{figure}, {RESETS:.0%} connection resets", share)
    share = _measure_share(url, options.amount(3 * RATE * SECONDS, least=40), _execute_with_deaths)
    result.at_least(0.5, f"{figure}, a death every {LIFE:g} s", share)


def _measure_share(
    url: str, messages: int, carry_out: Callable[[WhatsAppBroadcast], None], *, resets: float = 0.0
) -> float:
    run = _queue_broadcast(messages, RATE)
    told_before = len(_fetch_received(url))
    httpx.post(f"{url}{graph.SLOW}", json={"seconds": ANSWER, "resets": resets})
    carry_out(run)
    httpx.post(f"{url}{graph.SLOW}", json={"seconds": 0})
    run.refresh_from_db()
    assert (run.status, run.processed, run.failed) == ("completed", messages, 0), (run.status, run.error_message)
    moments = [at for at, _to, _tracker in _fetch_received(url)[told_before:]]
    rate = (run.sent - 1) / (moments[-1] - moments[0])
    unknown = messages - run.sent
    print_note(f"  {rate:.1f} messages a second over answers of {ANSWER:g} s, {unknown} of {messages} unknown")
    return float(rate / RATE)


def _execute(run: WhatsAppBroadcast) -> None:
    claims.work_on_next(WhatsAppBroadcast, send)


def _execute_with_deaths(run: WhatsAppBroadcast) -> None:
    """In processes like those of a worker's pool: forked, killed, and found dead by their parent after a while."""
    pool = _start_process(_POOL, stdin=subprocess.PIPE)
    assert pool.stdin
    assert pool.stdout
    try:
        while not _has_ended(run):
            pool.stdin.write("\n")
            pool.stdin.flush()
            child = int(pool.stdout.readline())
            dies_at = time.monotonic() + LIFE
            while time.monotonic() < dies_at and not _has_ended(run):
                time.sleep(0.1)
            os.kill(child, signal.SIGKILL)
            time.sleep(NOTICED)
            WhatsAppBroadcast.objects.filter(pk=run.pk).reclaim()
    finally:
        pool.kill()
        pool.wait()


def _has_ended(run: WhatsAppBroadcast) -> bool:
    return WhatsAppBroadcast.objects.filter(pk=run.pk, status__in=FINISHED).exists()


_IN_CHILD = """
from broadcasts.models import WhatsAppBroadcast
from broadcasts.sending import send
from benchmarks.claims import work_on_next
"""


# Forks a process for each line that it reads, and prints the pid.
_POOL = f"""{_IN_CHILD}
import os, sys, time
for line in sys.stdin:
    if child := os.fork():
        print(child, flush=True)
    else:
        work_on_next(WhatsAppBroadcast, send)
        time.sleep(60)
"""


def _start_process(program: str, stdin: int | None = None) -> subprocess.Popen[str]:
    """A process with Django, on the database of this benchmark."""
    prepared = f"""
import django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = {connection.settings_dict["NAME"]!r}
"""
    environment = {**os.environ, "WHATSAPP_API_URL": settings.WHATSAPP_API_URL}
    return subprocess.Popen(
        [sys.executable, "-c", prepared + program], env=environment, stdin=stdin, stdout=subprocess.PIPE, text=True
    )


def _fetch_received(url: str) -> list[Any]:
    received: list[Any] = json.loads(httpx.get(f"{url}{graph.RECEIVED}", timeout=60).content)
    return received


def _measure_audience(result: Result, options: Options) -> None:
    recipients = options.amount(MANY, least=10)
    with _write_file(recipients) as file:
        path = Path(file.name)
        sides: dict[str, Timed] = {
            PREVIEW: partial(_time_audience, path, preview),
            START: partial(_time_audience, path, lambda draft: start_broadcast(draft, None)),
            PARSE: partial(_time_parsing, path),
        }
        seconds = interleaved(sides, options.rounds)
    print_seconds(seconds, dict.fromkeys(seconds, recipients))
    for side in (PREVIEW, START):
        result.at_most(2, f"broadcasts: seconds, {side} of {MANY:,} recipients / {PARSE}", ratio(seconds, side, PARSE))


def _time_audience(path: Path, use: Callable[[Draft], object]) -> float:
    account = _make_account(UNLIMITED)
    with path.open("rb") as file:
        began = time.perf_counter()
        use(Draft(account, "Benchmark", "Hello {{name}}", read_csv(file)))
        return time.perf_counter() - began


def _time_parsing(path: Path) -> float:
    """The least that any program has to do: read the rows, and validate and normalise each number."""
    began = time.perf_counter()
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for phone, _name, _order in rows:
            number = phonenumbers.parse(phone, "IL")
            assert phonenumbers.is_valid_number(number)
            assert phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return time.perf_counter() - began


@contextmanager
def _write_file(recipients: int) -> Iterator[IO[str]]:
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write("phone,name,order\n")
        file.writelines(f"+97250{2_000_000 + n},Recipient {n},{n}\n" for n in range(recipients))
        file.flush()
        yield file


def _measure_memory(result: Result, options: Options) -> None:
    """The memory that a large audience needs beyond a small one, each in its own process."""
    few, many = (_measure_peak_memory(options.amount(recipients, least=10)) for recipients in (FEW, MANY))
    print_note(f"  {few:.0f} MB for {FEW:,} recipients, {many:.0f} MB for {MANY:,}")
    result.at_most(200, f"broadcasts: MB of a process that takes and sends {MANY:,} recipients", many)
    result.at_most(1.25, f"broadcasts: memory, {MANY:,} recipients / {FEW:,}", many / few)


_TAKE_AND_SEND = """
import re, resource
from pathlib import Path
from broadcasts.audience import read_csv
from broadcasts.models import ProviderAccount
from broadcasts import sending
from broadcasts.providers import Accepted
from broadcasts.starting import Draft, start_broadcast

class Instant:
    at_once = 1
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def send(self, message): return Accepted("1", "accepted")
    def check(self): pass

sending.open_provider = lambda account: Instant()
account = ProviderAccount.objects.get(pk={account})
with open({path!r}, "rb") as file:
    run = start_broadcast(Draft(account, "Benchmark", "Hello {{{{name}}}}", read_csv(file)), None)
work_on_next(WhatsAppBroadcast, send)
run.refresh_from_db()
assert (run.status, run.sent) == ("completed", {recipients}), (run.status, run.error_message)
# On Linux, getrusage starts with the size of the parent.
status = Path("/proc/self/status")
print(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1] if status.exists() else resource.getrusage(0).ru_maxrss)
"""


def _measure_peak_memory(recipients: int) -> float:
    """In MB."""
    with _write_file(recipients) as file:
        fields = {"account": _make_account(UNLIMITED).pk, "path": file.name, "recipients": recipients}
        process = _start_process(_IN_CHILD + _TAKE_AND_SEND.format(**fields))
        output, _errors = process.communicate()
    assert process.returncode == 0
    return int(output) / 1024
