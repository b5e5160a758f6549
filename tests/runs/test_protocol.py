"""G1 to G4 whatever happens in whatever order: Hypothesis looks for an interleaving that breaks them.

Workers, sweep, readers, people and the broker do their real deeds one statement at a time, in any order,
on the real database, while processes die, messages are lost, late or doubled, and time passes. Between
any two statements the table itself is looked at. `PROTOCOL_EXAMPLES=3000` searches for longer, and anew;
with `PROTOCOL_SHRINK=1` what was found is made short.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from billiard.exceptions import WorkerLostError
from django.db import connection
from django.db.models.expressions import RawSQL
from hypothesis import HealthCheck, Phase
from hypothesis import settings as search
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from pytest_django import Settings

from runs.api.views import ACTION_FUNCTIONS
from runs.exceptions import ActiveRunExists, WrongState
from runs.lifecycle import dispatch, reclaim, shutdown, sweep, worker
from runs.lifecycle.reset import reset_progress
from runs.lifecycle.worker_process import this_worker
from runs.models import Business
from runs.models import Sweep as SweepRow
from runs.models.audit import SYSTEM, Actor
from runs.progress import Progress, estimate, item_naming, report_builder, suspect_mode
from runs.progress import progress as progress_module
from runs.readers import verdict
from runs.states import ACTIVE, FINISHED, Action, ErrorCode, Status
from tests.contract.models import CountedNumber, CountingEffect, CountingRun
from tests.fleet import announce
from tests.turns import Deed, stage

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES = int(os.environ.get("PROTOCOL_EXAMPLES", "0"))
SHRINK = "PROTOCOL_SHRINK" in os.environ  # takes minutes
# Apart from the code that is judged.
OVERDUE = """
    status = 'running' AND statement_timestamp() - heartbeat_at > interval '300 s'
    AND coalesce(silent_until < statement_timestamp(), true)
"""
ITEMS = ("done", "failed", "skipped", "bare", "silent", "waiting", "beating", "raising")
PERSON = Actor("person", "somebody")

# The world around the verbs


class Broker:
    """Keeps messages until they are delivered; may be wiped, or away."""

    def __init__(self) -> None:
        self.messages = 0
        self.away = False
        self.ended: list[str] = []  # tasks that somebody asked to terminate
        self.control = SimpleNamespace(revoke=self._revoke)

    def send_task(self, name: str, args: list[str], queue: str) -> None:
        if self.away:
            raise ConnectionError("no broker")
        self.messages += 1

    def _revoke(self, task_ids: list[str], *, terminate: bool, signal: str) -> None:
        if self.away:
            raise ConnectionError("no broker")
        self.ended += task_ids


class Clock:
    """What `time` is to the progress of a run: every look at it takes a while."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 0.4
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Task:
    """A worker's child at work on a message."""

    id: str
    deed: Deed
    run: int | None = None  # what it holds, as far as it knows
    attempt: int | None = None


@dataclass
class Host:
    """A worker of one slot."""

    name: str
    boot: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: str = "up"  # up, stopping, down
    is_stopping: bool = False
    task: Task | None = None
    signals: list[Deed] = field(default_factory=list)  # what its parent process is at


Row = dict[str, Any]

WHICH, STATEMENTS = st.integers(0, 3), st.integers(0, 10)
there_is_room = precondition(lambda self: len(self.deeds) < 8)


class Protocol(RuleBasedStateMachine):
    threads: ThreadPoolExecutor
    broker: Broker
    business: Business

    def __init__(self) -> None:
        super().__init__()
        self.hosts = [Host("worker@one"), Host("worker@two")]
        self.deeds: list[tuple[Deed, Host | None, Callable[[Any], None]]] = []
        self.kinds: list[str] = []
        self.shown: dict[int, tuple[int, float]] = {}  # the most that readers have seen of a run
        self.wished: set[int] = set()  # runs whose cancel or pause was accepted
        self.answered: set[int | None] = {None}  # runs whose start was answered
        self.reopening: set[Deed] = set()
        self.begun: dict[tuple[int, int], list[str]] = {}  # the items of each attempt, as far as they were named
        self.ids = count()
        self.table: dict[int, Row] = self.look()

    # Who does what

    @initialize(kinds=st.lists(st.sampled_from(ITEMS), min_size=3, max_size=5))
    def there_is_work(self, kinds: list[str]) -> None:
        self.kinds = kinds
        self.go_on(self.somebody_starts("key"), 10)

    @there_is_room
    @rule(what=st.sampled_from(["start", "reset", *sorted(ACTION_FUNCTIONS)]), which=WHICH, statements=STATEMENTS)
    def a_person_acts(self, what: str, which: int, statements: int) -> None:
        if what == "start":
            deed = self.somebody_starts(["", "key"][which % 2])
        elif what == "reset":
            deed = self.let(partial(reset_progress, self.business, only_stale=which % 2 == 1, actor=SYSTEM))
        else:
            deed = self.somebody_asks(Action(what), self.chosen(which))
        self.go_on(deed, statements)

    def somebody_starts(self, key: str) -> Deed:
        def start() -> int | None:
            try:
                return dispatch.start(CountingRun, self.business, idempotency_key=key).pk
            except ActiveRunExists:
                return None

        return self.let(start, then=self.answered.add)

    def somebody_asks(self, action: Action, pk: int) -> Deed:
        def ask() -> bool:
            [run] = verdict.fetch_repaired(self.rows(pk).with_ages())
            try:
                if action not in run.actions():
                    return False
                ACTION_FUNCTIONS[action](run, PERSON)
            except (WrongState, ActiveRunExists):
                return False
            return True

        def accepted(done: bool) -> None:
            if done and action in (Action.CANCEL, Action.PAUSE):
                self.wished.add(pk)

        deed = self.let(ask, then=accepted)
        if action in (Action.RESUME, Action.RETRY):
            self.reopening.add(deed)
        return deed

    @there_is_room
    @rule(which=st.integers(-1, 3), statements=STATEMENTS)
    def somebody_reads(self, which: int, statements: int) -> None:
        def read_one() -> list[CountingRun]:
            return verdict.fetch_repaired(self.rows(self.chosen(which)).with_ages())

        def read_the_active() -> list[CountingRun]:
            rows = CountingRun.objects.filter(business=self.business)
            rows.repair()
            return verdict.fetch_repaired(rows.active().with_ages().order_by("-created_at")[:5])

        self.go_on(self.let(read_the_active if which < 0 else read_one, then=self.told), statements)

    @there_is_room
    @rule(statements=STATEMENTS)
    def the_sweep_comes_round(self, statements: int) -> None:
        self.go_on(self.let(sweep.sweep), statements)

    @precondition(lambda self: self.broker.messages and self.free())
    @rule(which=WHICH, keep=st.booleans(), statements=STATEMENTS)
    def a_message_arrives(self, which: int, keep: bool, statements: int) -> None:
        """Also late; and, kept, again."""
        if not keep:
            self.broker.messages -= 1
        self.go_on(self.deliver(self.free()[which % len(self.free())]), statements)

    @there_is_room
    @rule(statements=STATEMENTS)
    def a_worker_looks_for_runs(self, statements: int) -> None:
        self.go_on(self.let(partial(dispatch.wake_if_claimable, CountingRun.queue)), statements)

    @precondition(lambda self: self.free() and self.held())
    @rule(retried=st.booleans(), statements=STATEMENTS)
    def a_live_attempt_loses_its_run(self, retried: bool, statements: int) -> None:
        """What else would seldom come together: an attempt that is over, or an older and a newer one, both alive."""
        [held, *_] = self.held()
        self.age(700)
        assert held.run
        self.go_on(self.somebody_asks(Action.RETRY, held.run), 20 if retried else 3)
        if self.broker.messages and self.free():
            self.go_on(self.deliver(self.free()[0]), 3)
        self.go_on(held.deed, statements)

    def held(self) -> list[Task]:
        """The tasks whose attempt is the run's newest."""
        tasks = [host.task for host in self.hosts if host.task]
        running = [(pk, row["attempt"]) for pk, row in self.table.items() if row["status"] == Status.RUNNING]
        return [task for task in tasks if (task.run, task.attempt) in running]

    def free(self) -> list[Host]:
        return [host for host in self.hosts if host.state != "down" and not host.task]

    def deliver(self, host: Host) -> Deed:
        """A message makes the worker claim a run, whichever is next."""
        name = f"task {next(self.ids)}"
        worker.works[CountingRun] = self.work
        deed = self.let(partial(worker.work_on_next, CountingRun.queue, worker=host.name, task_id=name), host)
        host.task = Task(name, deed)
        return deed

    def work(self, run: CountingRun, progress: Progress) -> None:
        for number in progress.track(range(run.cursor.get("step", 0), len(self.kinds)), key=partial(self.name, run)):
            kind, key = self.kinds[number], f"1:{number}"
            if kind == "silent":
                with progress.allow_silence(minutes=10):
                    pass
            elif kind == "waiting":
                progress.wait(2, "limit")
            elif kind == "beating":
                for _ in range(4):
                    progress.beat()
            elif kind == "raising" and run.attempt == 1:
                raise ValueError("on purpose")
            progress.fenced(self.write_effect, run.pk, number)
            if kind == "bare":
                continue
            if kind == "failed":
                progress.failed(key, "no good")
            elif kind == "skipped":
                progress.skipped(key)
            else:
                progress.done(key)
            progress.checkpoint(step=number + 1)

    def name(self, run: CountingRun, number: int) -> str:
        keys, key = self.begun.setdefault((run.pk, run.attempt), []), f"1:{number}"
        if keys[-1:] != [key]:  # the search for poison items asks for each key as well
            keys.append(key)
        return key

    def write_effect(self, pk: int, number: int) -> None:
        CountingEffect.objects.bulk_create([CountingEffect(run_id=pk, number=number)], ignore_conflicts=True)

    # What happens to them

    @rule(what=st.sampled_from(["child", "worker", "deploy", "wipe", "broker away", "broker back"]), which=WHICH)
    def something_breaks(self, what: str, which: int) -> None:
        host = self.hosts[which % 2]
        if what == "child" and host.task:
            self.kill_child(host)
        elif what == "worker":
            self.kill_host(host)
        elif what == "deploy" and host.state == "up":
            self.deploy(host)
        elif what == "wipe":
            self.broker.messages = 0
        elif what.startswith("broker"):
            self.broker.away = what == "broker away"

    def kill_child(self, host: Host) -> None:
        assert host.task
        task, host.task = host.task, None
        task.deed.kill()
        lost: dict[str, Any] = {"task_id": task.id, "exception": WorkerLostError("killed")}
        host.signals.append(self.let(partial(reclaim.reclaim_from_lost_process, **lost), host))

    def kill_host(self, host: Host) -> None:
        for deed, its_host, _ in self.deeds:
            if its_host is host:
                deed.kill()
        host.task, host.signals, host.state = None, [], "down"
        self.settle()

    @precondition(lambda self: any(host.state == "down" for host in self.hosts))
    @rule()
    def the_workers_boot(self) -> None:
        for host in self.hosts:
            if host.state == "down":
                self.boot(host)

    def boot(self, host: Host) -> None:
        host.state, host.is_stopping, host.boot = "up", False, uuid.uuid4().hex
        ready = partial(reclaim.reclaim_after_restart, sender=SimpleNamespace(hostname=host.name))
        host.signals.append(self.let(ready, host))

    def deploy(self, host: Host) -> None:
        host.state = "stopping"
        host.signals.append(self.let(partial(shutdown.interrupt_before_shutdown, sender=host.name, how="Warm"), host))

    @precondition(lambda self: self.broker.ended)
    @rule()
    def the_orders_to_end_arrive(self) -> None:
        for host in self.hosts:
            if host.task and host.task.id in self.broker.ended:
                self.kill_child(host)

    @rule(seconds=st.sampled_from([10, 61, 310, 700]))
    def time_passes(self, seconds: int) -> None:
        self.age(seconds)

    def age(self, seconds: int) -> None:
        """Put everything that the database remembers further into the past."""
        moments = {
            CountingRun: "heartbeat_at progress_at silent_until waiting_until queued_at"
            " started_at claimed_at finished_at created_at",
            SweepRow: "started_at finished_at",
        }
        with connection.cursor() as cursor:
            for model, columns in moments.items():
                earlier = ", ".join(f"{name} = {name} - interval '{seconds} s'" for name in columns.split())
                cursor.execute(f"UPDATE {model._meta.db_table} SET {earlier}")
        self.table = self.look()

    # Turns

    def let(
        self, call: Callable[[], Any], host: Host | None = None, then: Callable[[Any], None] = lambda result: None
    ) -> Deed:
        """Somebody begins, and stands before a first statement."""
        self.enter(host)
        deed = Deed(self.threads, call)
        self.leave(host)
        self.deeds.append((deed, host, then))
        self.settle()
        return deed

    @precondition(lambda self: self.deeds)
    @rule(who=st.integers(0, 7), statements=STATEMENTS)
    def somebody_goes_on(self, who: int, statements: int) -> None:
        self.go_on(self.deeds[who % len(self.deeds)][0], statements)

    @precondition(lambda self: any(host.task for host in self.hosts))
    @rule(which=WHICH, statements=STATEMENTS)
    def a_task_goes_on(self, which: int, statements: int) -> None:
        tasks = [host.task for host in self.hosts if host.task]
        self.go_on(tasks[which % len(tasks)].deed, statements)

    def go_on(self, deed: Deed, statements: int) -> None:
        for entry in self.deeds:
            if entry[0] is deed:
                for _ in range(statements):
                    if not deed.done:
                        self.step(*entry)

    def step(self, deed: Deed, host: Host | None, then: Callable[[Any], None]) -> None:
        self.enter(host)
        deed.step()
        self.leave(host)
        before, self.table = self.table, self.look()
        self.compare(before, deed, host.task if host and host.task and host.task.deed is deed else None)
        if deed.done:
            then(deed.result)
        self.settle()

    def enter(self, host: Host | None) -> None:
        this_worker.boot = host.boot if host else ""
        this_worker.set_stopping(host.is_stopping if host else False)

    def leave(self, host: Host | None) -> None:
        if host:
            host.is_stopping = this_worker.is_stopping()

    def settle(self) -> None:
        """What follows by itself from what was done."""
        self.deeds = [entry for entry in self.deeds if not entry[0].done]
        for host in self.hosts:
            host.signals = [deed for deed in host.signals if not deed.done]
            if host.task and host.task.deed.done:
                host.task = None
            if host.state == "stopping" and not host.task and not host.signals:
                host.state = "down"
                host.signals.append(self.let(shutdown.wake_other_workers, host))

    # What has to be true

    def look(self) -> dict[int, Row]:
        overdue = RawSQL(OVERDUE, [])
        rows = CountingRun.objects.annotate(overdue=overdue).order_by("pk").values()
        table: dict[int, Row] = {row["id"]: {**row, "items": [], "effects": 0} for row in rows}
        for item in CountedNumber.objects.order_by("pk").values("run_id", "key", "status", "attempts"):
            table[item["run_id"]]["items"].append(item)
        for run_id in CountingEffect.objects.values_list("run_id", flat=True):
            table[run_id]["effects"] += 1
        return table

    def compare(self, before: dict[int, Row], deed: Deed, task: Task | None) -> None:
        for pk, row in self.table.items():
            assert (row["finished_at"] is not None) == (row["status"] in FINISHED), row
            assert row["status"] == Status.RUNNING or not row["requested"], "a wish of nobody's"
            assert (row["progress_pct"] == 100) == (row["status"] == Status.COMPLETED), row
            if row["status"] == Status.COMPLETED:
                self.completed(row)
            for key in row["poison_items"]:
                self.died_twice_in(pk, key)
            if old := before.get(pk):
                self.moved(old, row, deed)
                self.written(old, row, task)

    def moved(self, old: Row, row: Row, deed: Deed) -> None:
        """G4, and a person's word."""
        assert row["processed"] >= old["processed"]
        assert (row["progress_pct"] or 0) >= (old["progress_pct"] or 0)
        if old["status"] in FINISHED and row["status"] != old["status"]:
            assert old["status"] != Status.COMPLETED, "completed is final"
            assert row["status"] == Status.QUEUED, "nothing else may happen to what has finished"
            assert deed in self.reopening, "only a person revives"
        if row["status"] == Status.QUEUED and deed in self.reopening:
            self.wished.discard(row["id"])
        if old["status"] == Status.RUNNING and row["error_code"] == ErrorCode.STALE:
            assert old["overdue"], "a healthy run was expired"
        if row["attempt"] != old["attempt"]:
            assert row["attempt"] == old["attempt"] + 1
            assert (old["status"], row["status"]) == (Status.QUEUED, Status.RUNNING)
            assert row["id"] not in self.wished, "it was cancelled or paused, and goes on"

    def written(self, old: Row, row: Row, task: Task | None) -> None:
        """G2: a task writes only what it holds."""
        told = ("heartbeat_at", "processed", "failed", "skipped", "cursor", "items", "effects", "progress_pct")
        if not any(row[name] != old[name] for name in (*told, "attempt")) and row["status"] == old["status"]:
            return
        if task and row["attempt"] == old["attempt"] + 1:
            task.run, task.attempt = row["id"], row["attempt"]
        elif task:
            assert (old["status"], old["attempt"]) == (Status.RUNNING, task.attempt), "a write of an older attempt"
            if row["status"] != Status.RUNNING:
                task.attempt = None  # the attempt has ended
        else:
            assert all(row[name] == old[name] for name in told), "only tasks report progress"

    def died_twice_in(self, pk: int, key: str) -> None:
        """G7, the other side: nobody is blamed for a neighbour. (What was finished last may not have been told.)"""
        ends = [keys[-2:] for (run, _attempt), keys in self.begun.items() if run == pk]
        assert sum(key in keys for keys in ends) >= 2, f"{key} is poison, but the attempts ended in {ends}"

    def completed(self, row: Row) -> None:
        poison = {int(key.removeprefix("1:")) for key in row["poison_items"]}
        kinds = ["failed" if number in poison else kind for number, kind in enumerate(self.kinds)]
        assert row["effects"] >= len(kinds) - len(poison), "completed, and something is lost"
        counts = [row[name] for name in ("total", "processed", "failed", "skipped")]
        assert counts == [len(kinds), len(kinds), kinds.count("failed"), kinds.count("skipped")]
        assert row["succeeded"] == row["processed"] - row["failed"] - row["skipped"]

    def told(self, runs: list[CountingRun]) -> None:
        """G1 and G4, at the moment at which a reader has its answer."""
        for run in runs:
            if run.status == Status.RUNNING:
                assert not self.table[run.pk]["overdue"], "a dead run was shown as active"
            most = self.shown.get(run.pk, (0, 0.0))
            now = (run.processed, run.progress_pct or 0.0)
            assert now[0] >= most[0], "the count went backwards"
            assert now[1] >= most[1], "the bar went backwards"
            self.shown[run.pk] = now

    def chosen(self, which: int) -> int:
        """One of the runs, the newest first."""
        return sorted(self.table, reverse=True)[which % len(self.table)]

    def rows(self, pk: int) -> Any:
        return CountingRun.objects.filter(pk=pk)

    # G3: in the end everything that was started has ended

    def teardown(self) -> None:
        try:
            if self.kinds:
                self.calm_down()
        finally:
            for deed, _, _ in self.deeds:
                deed.kill()
            for model in (CountingRun, SweepRow):
                model.objects.all().delete()
            self.broker.__init__()  # type: ignore[misc]

    def calm_down(self) -> None:
        """Nothing breaks any more, but who hangs now hangs for ever."""
        self.broker.away = False
        hung = {host.task.deed for host in self.hosts if host.task and host.task.attempt}
        for _ in range(8):
            self.finish_all_but(hung)
            self.the_orders_to_end_arrive()
            if self.is_calm():
                break
            for host in self.hosts:
                if host.state == "down":
                    self.boot(host)
            self.age(3700)
            self.let(sweep.sweep)
            self.finish_all_but(hung)
            self.the_orders_to_end_arrive()
            self.let(sweep.sweep)  # the first may have come while another was at work
            for pk, row in self.table.items():
                if row["status"] == Status.PAUSED:
                    self.reopening.add(self.let(partial(self.resume, pk)))
            self.finish_all_but(hung)
            while self.broker.messages and (free := [h for h in self.hosts if not h.task and h.state == "up"]):
                self.broker.messages -= 1
                self.deliver(free[0])
                self.finish_all_but(hung)
        assert self.is_calm(), "a run is still not finished, or a hung task keeps its slot"
        assert self.answered <= {None, *self.table}

    def is_calm(self) -> bool:
        return not any(row["status"] in ACTIVE for row in self.table.values()) and not any(
            host.task for host in self.hosts
        )

    def resume(self, pk: int) -> None:
        dispatch.reopen(self.rows(pk).get(), PERSON, "resumed")

    def finish_all_but(self, hung: set[Deed]) -> None:
        while going := [entry for entry in self.deeds if entry[0] not in hung]:
            for entry in going:
                if not entry[0].done:
                    self.step(*entry)


def test_no_order_of_events_breaks_a_promise(
    business_a: Business, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.RUNS_TIME_SLICE_SECONDS = 60
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0.5
    for name in ("worker@one", "worker@two"):
        announce(name, CountingRun.queue, seconds_ago=-1_000_000)
    monkeypatch.setattr(worker, "works", {})
    broker = Broker()
    monkeypatch.setattr(dispatch, "current_app", broker)
    clock = Clock()
    for module in (estimate, item_naming, progress_module, report_builder, suspect_mode):
        monkeypatch.setattr(module, "time", clock)
    with stage(monkeypatch) as threads:
        scene = {"threads": threads, "broker": broker, "business": business_a}
        run_state_machine_as_test(type("Protocol", (Protocol,), scene), settings=SEARCH)


SEARCH = search(
    max_examples=EXAMPLES or 20,
    stateful_step_count=100 if EXAMPLES else 60,
    derandomize=not EXAMPLES,
    phases=(Phase.generate, *([Phase.shrink] if SHRINK else [])),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
