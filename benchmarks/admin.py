"""The pages of the admin beside bare ones of the same theme, and /metrics, with a short and with a long history.

The index is compared with a page that says one sentence, the lists with Django's own list of a hundred users. Both
histories are of the same weeks, so that the pictures show as many days. Each request is made in this process, through
all middleware, by a signed-in superuser. The index keeps its pictures for half a minute; they are also drawn anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client, override_settings
from django.urls import NoReverseMatch, reverse

from receipts.models import ReceiptSyncRun
from runs.lifecycle.figures import count_history
from runs.lifecycle.sweep import sweep
from runs.models import UncountedHistory

from . import database, history
from .harness import Options, Result, Timed, interleaved, print_note, print_seconds, ratio

SHORT = 10_000
BUSINESSES, QUEUED = 300, 100
USERS = 100  # a page of a list
REQUESTS = 10  # of a page in a round, of which the fastest counts: whatever else the machine does only adds
WEEKS_SECONDS = 40 * 86_400

EMPTY, USER_LIST = "a page with one sentence", "a stock list"
INDEX, DRAWN, METRICS = "index", "index, pictures drawn anew", "/metrics"
ALL_RUNS, RUNS, RUNS_FAILED, BUSINESS_LIST = "all runs", "runs of a type", "failed runs of a type", "businesses"
PEERS = {INDEX: EMPTY, ALL_RUNS: USER_LIST, RUNS: USER_LIST, RUNS_FAILED: USER_LIST, BUSINESS_LIST: USER_LIST}

# As served, but by this process: its files have no hashes.
SERVED = {
    "ALLOWED_HOSTS": ["testserver"],
    "SECURE_SSL_REDIRECT": False,
    "SESSION_COOKIE_SECURE": False,
    "STORAGES": {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    },
}


def measure(options: Options) -> Result:
    finished = {"short": options.amount(SHORT), "long": options.amount(options.finished_runs)}
    paths = list_paths()
    with ExitStack() as stack:
        stack.enter_context(override_settings(**SERVED))
        sides: dict[str, Timed] = {}
        for length, number in finished.items():
            copy = stack.enter_context(database.scratch(f"admin_{length}"))
            with database.using(copy):
                client = _seed(number)
            for name, path in paths.items():
                prepare = cache.clear if name == DRAWN else _do_nothing
                sides[f"{name}, {length} history"] = partial(_timed, copy, client, path, prepare)
        seconds = interleaved(sides, options.rounds)
    print_seconds(seconds, dict.fromkeys(seconds, 1))
    result = Result()
    for name in paths:
        if peer := PEERS.get(name):
            value = ratio(seconds, f"{name}, long history", f"{peer}, long history")
            result.at_most(2, f"admin: {name} / {peer}, {finished['long']:,} finished runs", value)
    for name in (each for each in paths if each not in (EMPTY, USER_LIST)):
        value = ratio(seconds, f"{name}, long history", f"{name}, short history")
        result.at_most(1.2, f"admin: {name}, {finished['long']:,} / {finished['short']:,} finished runs", value)
    return result


def list_paths() -> dict[str, str]:
    opts = ReceiptSyncRun._meta
    runs = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    paths = {
        EMPTY: reverse("admin:password_change_done"),
        USER_LIST: reverse("admin:auth_user_changelist"),
        INDEX: reverse("admin:index"),
        DRAWN: reverse("admin:index"),
        RUNS: runs,
        RUNS_FAILED: f"{runs}?status__exact=failed",
        BUSINESS_LIST: reverse("admin:runs_business_changelist"),
        METRICS: reverse("metrics"),
    }
    try:
        return {**paths, ALL_RUNS: reverse("admin:runs_allruns_changelist")}
    except NoReverseMatch:
        return paths


def _seed(finished: int) -> Client:
    began = time.monotonic()
    history.add_businesses(BUSINESSES)
    history.add_finished(finished, seconds_apart=WEEKS_SECONDS / finished)
    history.add_queued(QUEUED)
    UncountedHistory.objects.create(
        run_type=ReceiptSyncRun.slug, through=database.fetch_int(f"SELECT max(id) FROM {history.TABLE}")
    )
    counting = time.monotonic()
    count_history(batch=10_000, steps=finished)
    assert database.fetch_int("SELECT sum(runs) FROM runs_dailyoutcome") == finished
    print_note(f"  {finished:,} finished runs counted in {time.monotonic() - counting:.1f} s")
    sweep()
    admin = User.objects.create_superuser("benchmark")
    User.objects.bulk_create([User(username=f"user-{number}") for number in range(USERS - 1)])
    database.execute("CHECKPOINT")  # or the disk would still be busy when the timing starts
    print_note(f"  {finished:,} finished runs made in {counting - began:.0f} s")
    client = Client()
    client.force_login(admin)
    return client


def _timed(copy: BaseDatabaseWrapper, client: Client, path: str, prepare: Callable[[], object]) -> float:
    with database.using(copy):
        cache.clear()  # the two databases share it
        assert client.get(path).status_code == 200
        seconds = []
        for _request in range(REQUESTS):
            prepare()
            began = time.perf_counter()
            assert client.get(path).status_code == 200
            seconds.append(time.perf_counter() - began)
        return min(seconds)


def _do_nothing() -> None:
    pass
