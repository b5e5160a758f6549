"""What it costs to look at runs: detail, 304, lists and starts, beside celery-progress on Redis behind the same server.

All requests go over 16 connections that stay open, with a token, to one granian process. A figure in details is the
time of a request beside that of a run's detail in the same rounds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import httpx
import psycopg
from django.contrib.auth.models import User
from django.db import connection
from knox.models import AuthToken

from broadcasts.models import ProviderAccount, WhatsAppBroadcast
from receipts.models import ReceiptSyncRun
from recordings.models import RecordingRun, Source
from runs.api.run_pages import NewestRuns
from runs.drill.models import DrillRun
from runs.models import Business, Membership, Run
from runs.states import Status

from . import database, history, peer_project, peers
from .harness import Options, Result, Seconds, Timed, Unavailable, interleaved, print_note, print_seconds, ratio
from .http_load import send_requests
from .web_server import ASGI, WSGI, production, web_server

REQUESTS, LISTS, STARTS = 2_000, 300, 300  # of each side, in a round
LONG_HISTORY = 1_000_000
PAGE = 50
CALLERS, CALLS = 500, 5_000
POOL_SIZE = 10
PEER, PEER_PATH = "celery-progress on Redis", f"/celery-progress/{peer_project.TASK}/"


@dataclass(frozen=True)
class Site:
    """What is asked for, and by whom."""

    headers: Mapping[str, str]
    detail: str
    list: str
    long_list: str


def measure(options: Options) -> Result:
    result = Result()
    with database.in_scratch("api"):
        site = make_site(options)
        pool = {"DATABASE_POOL_SIZE": str(POOL_SIZE), "WEB_THREADS": str(POOL_SIZE - 1)}
        with peers.redis_server() as redis:
            peer_project.report_progress(redis)
            with web_server(ASGI, pool) as asgi:
                with web_server(WSGI, pool) as wsgi, peer_server(redis, pool) as peer:
                    measure_reads(options, result, site, asgi, wsgi, peer)
                measure_crowd(options, result, site, asgi)
            measure_starts(options, result, redis)
    return result


@contextmanager
def peer_server(redis: str, pool: Mapping[str, str]) -> Iterator[int | None]:
    """None where celery-progress isn't installed."""
    try:
        peers.package("celery_progress")
    except Unavailable as why:
        print_note(f"  {PEER}: {why}")
        yield None
        return
    environment = {**pool, "DJANGO_SETTINGS_MODULE": "benchmarks.peer_project", "PEER_REDIS": redis}
    with web_server("benchmarks.peer_project:make_application", environment) as port:
        yield port


# What is asked for


def make_site(options: Options) -> Site:
    history.add_businesses(1)
    long = Business.objects.get(slug="seeded-0")
    history.add_finished(options.amount(LONG_HISTORY, least=3 * PAGE))
    business = database.claimed_run().business
    made = make_runs_of_all_types(business)
    run = ReceiptSyncRun.objects.filter(business=business, status=Status.COMPLETED)[0]  # a running one ages: no 304
    user = User.objects.create(username="reader")
    for own in (long, business):
        Membership.objects.create(user=user, business=own)
    print_note(
        f"  {made} runs of four types; {ReceiptSyncRun.objects.filter(business=long).count():,} in the long list"
    )
    token = AuthToken.objects.create(user)[1]
    lists = (f"/api/runs/?business={own.pk}" for own in (business, long))
    return Site({"Authorization": f"Bearer {token}"}, f"/api/runs/{run.slug}/{run.pk}/", *lists)


def make_runs_of_all_types(business: Business) -> int:
    """A page of finished runs of four types in turn, and one more."""
    account = ProviderAccount.objects.create(business=business, name="Benchmark", phone_number_id="1", token="token")
    source = Source.objects.create(business=business, name="Benchmark")
    mailbox = ReceiptSyncRun.objects.get(business=business).mailbox
    makers: list[tuple[type[Run], dict[str, Any]]] = [
        (DrillRun, {"steps": 0}),
        (ReceiptSyncRun, {"mailbox": mailbox, "mode": ReceiptSyncRun.Mode.FULL}),
        (WhatsAppBroadcast, {"account": account, "name": "Sale", "text": "Hello", "audience": {"valid": 100}}),
        (RecordingRun, {"source": source}),
    ]
    for number in range(PAGE + 1):
        model, fields = makers[number % len(makers)]
        model.objects.create(business=business, status=Status.COMPLETED, total=100, processed=100, **fields)
    return PAGE + 1


# Reads


def measure_reads(options: Options, result: Result, site: Site, asgi: int, wsgi: int, peer: int | None) -> None:
    requests, lists = options.amount(REQUESTS, least=32), options.amount(LISTS, least=16)
    last_page = find_last_page(site)
    unchanged = {**site.headers, "If-None-Match": etag_of(site, asgi)}
    sides: dict[str, Timed] = {
        "detail": sender(asgi, site.detail, requests, site.headers),
        "detail, WSGI": sender(wsgi, site.detail, requests, site.headers),
        "304": sender(asgi, site.detail, requests, unchanged, 304),
        "list": sender(asgi, site.list, lists, site.headers),
        "first page": sender(asgi, site.long_list, lists, site.headers),
        "last page": sender(asgi, last_page, lists, site.headers),
    }
    amounts = dict.fromkeys(sides, requests) | dict.fromkeys(("list", "first page", "last page"), lists)
    if peer:
        sides[PEER], amounts[PEER] = sender(peer, PEER_PATH, requests, {}), requests
    seconds = interleaved(sides, options.rounds)
    print_seconds(seconds, amounts)
    result.at_least(0.5, f"api: details a second / {PEER}", ratio(seconds, PEER, "detail"))
    result.at_most(1.0, "api: a 304 / a detail", ratio(seconds, "304", "detail"))
    of_lists = ratio(seconds, "list", "detail", scale=requests / lists)
    result.at_most(4.0, f"api: a list of {PAGE} runs of four types / a detail", of_lists)
    result.at_most(1.5, "api: the last page of a million runs / the first", ratio(seconds, "last page", "first page"))
    result.at_least(0.8, "api: details a second, ASGI / WSGI", ratio(seconds, "detail, WSGI", "detail"))


def sender(port: int, path: str, number: int, headers: Mapping[str, str], expected: int = 200) -> Timed:
    def timed() -> float:
        load = send_requests(port, path, number, headers)
        assert not load.errors(expected), (path, load.statuses)
        return load.seconds

    return timed


def etag_of(site: Site, port: int) -> str:
    return httpx.get(f"http://127.0.0.1:{port}{site.detail}", headers=site.headers).headers["ETag"]


def find_last_page(site: Site) -> str:
    """The address of the page of the oldest runs: it continues after the run before them."""
    oldest = ReceiptSyncRun.objects.filter(business__slug="seeded-0").order_by("created_at", "id")
    pages = NewestRuns()
    pages.base_url = site.long_list
    return pages.link_beyond(oldest[PAGE], newer=False)


# A crowd


def measure_crowd(options: Options, result: Result, site: Site, port: int) -> None:
    calls = options.amount(CALLS, least=CALLERS)
    counts: list[int] = []
    done = Event()
    watch = Thread(target=count_connections, args=(production()["DATABASE_URL"], counts, done))
    connection.close()  # our own one isn't counted
    watch.start()
    load = send_requests(port, site.detail, calls, site.headers, connections=CALLERS)
    done.set()
    watch.join()
    print_note(f"  {CALLERS} callers: {calls / load.seconds:,.0f} details a second, {max(counts)} connections")
    result.at_most(0, f"api: errors with {CALLERS} callers", load.errors())
    result.at_most(POOL_SIZE + 3, f"api: connections with {CALLERS} callers, pool of {POOL_SIZE}", max(counts))


def count_connections(url: str, counts: list[int], done: Event) -> None:
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND application_name = 'unstuck' AND backend_type = 'client backend'"
    )
    with psycopg.connect(url, autocommit=True, application_name="benchmark") as server:
        while not done.wait(0.05):
            row = server.execute(query).fetchone()
            counts.append(int(row[0]) if row else 0)


# Starts


def measure_starts(options: Options, result: Result, redis: str) -> None:
    environment = {
        **os.environ,
        "BENCHMARK_BROKER": redis,
        "BENCHMARK_DATABASE": str(connection.settings_dict["NAME"]),
    }
    starts = options.amount(STARTS, least=5)
    command = [sys.executable, "-m", "benchmarks.starts", str(options.rounds), str(starts)]
    seconds: Seconds = json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    print_seconds(seconds, dict.fromkeys(seconds, starts))
    result.at_most(2.0, "api: a start / an INSERT and a bare publish", ratio(seconds, "start", "insert"))
