"""G1 to G4 and G7 in any order of events: Hypothesis searches for an interleaving that breaks one of them.

Workers, sweep, readers, people and the broker call the product's own functions on the real database, one statement at
a time and in any order, while processes die, messages are lost, late or doubled, and time passes. After each
statement the table is checked. `PROTOCOL_EXAMPLES=3000` searches for longer, with new random orders;
`PROTOCOL_SHRINK=1` shortens what was found.
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
from runs.exceptions import ActiveRunExists, WrongStatus
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
from tests.stepped_calls import SteppedCall, stepped_threads

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES = int(os.environ.get("PROTOCOL_EXAMPLES", "0"))
SHRINK = "PROTOCOL_SHRINK" in os.environ  # takes minutes
# Written again here, so that a mistake in the product's own condition is found.
OVERDUE = """
    status = 'running' AND statement_timestamp() - heartbeat_at > interval '300 s'
    AND coalesce(silent_until < statement_timestamp(), true)
"""
ITEMS = ("done", "failed", "skipped", "bare", "silent", "waiting", "beating", "raising")
PERSON = Actor("person", "somebody")

# Broker, clock and workers


class Broker:
    """Stores messages until they are delivered; may be wiped, or away."""

    def __init__(self) -> None:
        self.messages = 0
        self.away = False
        self.ended: list[str] = []  # tasks whose termination was requested
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
    """Stands in for `time` in `runs.progress`: each call of it takes 0.4 seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 0.4
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Task:
    """A message that a worker's child process works on."""

    id: str
    call: SteppedCall
    run: int | None = None  # that it claimed
    attempt: int | None = None  # of that run, until it ended


@dataclass
class Host:
    """A worker of one slot."""

    name: str
    boot: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: str = "up"  # up, stopping, ending, down
    is_stopping: bool = False
    task: Task | None = None
    signals: list[SteppedCall] = field(default_factory=list)  # handlers of signals that its parent process has begun
    last_signal: SteppedCall | None = None  # the handler after which the process has ended


Row = dict[str, Any]

WHICH, STATEMENTS = st.integers(0, 3), st.integers(0, 10)
there_is_room = precondition(lambda self: len(self.calls) < 8)


class Protocol(RuleBasedStateMachine):
    threads: ThreadPoolExecutor
    broker: Broker
    business: Business

    def __init__(self) -> None:
        super().__init__()
        self.hosts = [Host("worker@one"), Host("worker@two")]
        self.calls: list[tuple[SteppedCall, Host | None, Callable[[Any], None]]] = []
        self.kinds: list[str] = []
        self.shown: dict[int, tuple[int, int, float]] = {}  # the newest version that readers have seen of a run
        self.stop_requested: set[int] = set()  # runs whose cancel or pause was accepted
        self.answered: set[int | None] = {None}  # runs whose start was answered
        self.reopening: set[SteppedCall] = set()
        self.begun: dict[tuple[int, int], list[str]] = {}  # the items of each attempt, as far as they were named
        self.ids = count()
        self.table: dict[int, Row] = self.read_table()

    # What workers, people, readers and the sweep do

    @initialize(kinds=st.lists(st.sampled_from(ITEMS), min_size=3, max_size=5))
    def a_run_is_started(self, kinds: list[str]) -> None:
        self.kinds = kinds
        self.go_on(self.start_run("key"), 10)

    @there_is_room
    @rule(what=st.sampled_from(["start", "reset", *sorted(ACTION_FUNCTIONS)]), which=WHICH, statements=STATEMENTS)
    def a_person_acts(self, what: str, which: int, statements: int) -> None:
        if what == "start":
            call = self.start_run(["", "key"][which % 2])
        elif what == "reset":
            call = self.begin(partial(reset_progress, self.business, only_stale=which % 2 == 1, actor=SYSTEM))
        else:
            call = self.act_on_run(Action(what), self.choose_run(which))
        self.go_on(call, statements)

    def start_run(self, key: str) -> SteppedCall:
        def start() -> int | None:
            try:
                return dispatch.start(CountingRun, self.business, idempotency_key=key).pk
            except ActiveRunExists:
                return None

        return self.begin(start, then=self.answered.add)

    def act_on_run(self, action: Action, pk: int) -> SteppedCall:
        def act() -> bool:
            [run] = verdict.fetch_repaired(self.rows_of(pk).with_ages())
            try:
                if action not in run.actions():
                    return False
                ACTION_FUNCTIONS[action](run, PERSON)
            except (WrongStatus, ActiveRunExists):
                return False
            return True

        def note_stop_request(done: bool) -> None:
            if done and action in (Action.CANCEL, Action.PAUSE):
                self.stop_requested.add(pk)

        call = self.begin(act, then=note_stop_request)
        if action in (Action.RESUME, Action.RETRY):
            self.reopening.add(call)
        return call

    @there_is_room
    @rule(which=st.integers(-1, 3), statements=STATEMENTS)
    def a_reader_reads(self, which: int, statements: int) -> None:
        def read_one() -> list[CountingRun]:
            return verdict.fetch_repaired(self.rows_of(self.choose_run(which)).with_ages())

        def read_the_active() -> list[CountingRun]:
            rows = CountingRun.objects.filter(business=self.business)
            rows.repair()
            return verdict.fetch_repaired(rows.active().with_ages().order_by("-created_at")[:5])

        self.go_on(self.begin(read_the_active if which < 0 else read_one, then=self.check_what_was_shown), statements)

    @there_is_room
    @rule(statements=STATEMENTS)
    def a_sweep_runs(self, statements: int) -> None:
        self.go_on(self.begin(sweep.sweep), statements)

    @precondition(lambda self: self.broker.messages and self.free_hosts())
    @rule(which=WHICH, again=st.booleans(), statements=STATEMENTS)
    def a_message_arrives(self, which: int, again: bool, statements: int) -> None:
        """Maybe late, and maybe `again` later."""
        if not again:
            self.broker.messages -= 1
        self.go_on(self.deliver(self.free_hosts()[which % len(self.free_hosts())]), statements)

    @there_is_room
    @rule(statements=STATEMENTS)
    def a_worker_looks_for_runs(self, statements: int) -> None:
        self.go_on(self.begin(partial(dispatch.wake_if_claimable, CountingRun.queue)), statements)

    @precondition(lambda self: self.free_hosts() and self.current_tasks())
    @rule(retried=st.booleans(), statements=STATEMENTS)
    def a_live_attempt_loses_its_run(self, retried: bool, statements: int) -> None:
        """Seldom found by chance: an attempt lives on after its run was expired, or beside a newer attempt."""
        [task, *_] = self.current_tasks()
        self.age(700)
        assert task.run
        self.go_on(self.act_on_run(Action.RETRY, task.run), 20 if retried else 3)
        if self.broker.messages and self.free_hosts():
            self.go_on(self.deliver(self.free_hosts()[0]), 3)
        self.go_on(task.call, statements)

    def current_tasks(self) -> list[Task]:
        """The tasks whose attempt is the run's newest."""
        tasks = [host.task for host in self.hosts if host.task]
        running = [(pk, row["attempt"]) for pk, row in self.table.items() if row["status"] == Status.RUNNING]
        return [task for task in tasks if (task.run, task.attempt) in running]

    def free_hosts(self) -> list[Host]:
        return [host for host in self.hosts if host.state != "down" and not host.task]

    def deliver(self, host: Host) -> SteppedCall:
        """A message makes the worker claim a run, whichever is next."""
        name = f"task {next(self.ids)}"
        worker.works[CountingRun] = self.work
        call = self.begin(partial(worker.work_on_next, CountingRun.queue, worker=host.name, task_id=name), host)
        host.task = Task(name, call)
        return call

    def work(self, run: CountingRun, progress: Progress) -> None:
        numbers = range(run.cursor.get("step", 0), len(self.kinds))
        for number in progress.track(numbers, key=partial(self.name_item, run)):
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

    def name_item(self, run: CountingRun, number: int) -> str:
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
        task.call.kill()
        lost: dict[str, Any] = {"task_id": task.id, "exception": WorkerLostError("killed")}
        host.signals.append(self.begin(partial(reclaim.reclaim_from_lost_process, **lost), host))

    def kill_host(self, host: Host) -> None:
        for call, its_host, _ in self.calls:
            if its_host is host:
                call.kill()
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
        host.signals.append(self.begin(ready, host))

    def deploy(self, host: Host) -> None:
        def stop() -> None:  # as the signal's handler does, but in a thread that the search steps through
            this_worker.set_stopping(True)
            shutdown.interrupt_runs()

        host.signals.append(self.begin(stop, host))
        host.state = "stopping"  # only now: a process ends after its handlers, never before them
        self.settle()

    @precondition(lambda self: self.broker.ended)
    @rule()
    def terminations_arrive(self) -> None:
        for host in self.hosts:
            if host.task and host.task.id in self.broker.ended:
                self.kill_child(host)

    @rule(seconds=st.sampled_from([10, 61, 310, 700]))
    def time_passes(self, seconds: int) -> None:
        self.age(seconds)

    def age(self, seconds: int) -> None:
        """Move every time in the database further into the past."""
        times = {
            CountingRun: "heartbeat_at progress_at silent_until waiting_until queued_at"
            " started_at claimed_at finished_at created_at",
            SweepRow: "started_at finished_at",
        }
        with connection.cursor() as cursor:
            for model, columns in times.items():
                earlier = ", ".join(f"{name} = {name} - interval '{seconds} s'" for name in columns.split())
                cursor.execute(f"UPDATE {model._meta.db_table} SET {earlier}")
        self.table = self.read_table()

    # Turns

    def begin(
        self, function: Callable[[], Any], host: Host | None = None, then: Callable[[Any], None] = lambda result: None
    ) -> SteppedCall:
        """Call the function, up to its first statement. `then` gets its result when it has returned."""
        self.enter(host)
        call = SteppedCall(self.threads, function)
        self.leave(host)
        self.calls.append((call, host, then))
        self.settle()
        return call

    @precondition(lambda self: self.calls)
    @rule(who=st.integers(0, 7), statements=STATEMENTS)
    def a_call_goes_on(self, who: int, statements: int) -> None:
        self.go_on(self.calls[who % len(self.calls)][0], statements)

    @precondition(lambda self: any(host.task for host in self.hosts))
    @rule(which=WHICH, statements=STATEMENTS)
    def a_task_goes_on(self, which: int, statements: int) -> None:
        tasks = [host.task for host in self.hosts if host.task]
        self.go_on(tasks[which % len(tasks)].call, statements)

    def go_on(self, call: SteppedCall, statements: int) -> None:
        for entry in self.calls:
            if entry[0] is call:
                for _ in range(statements):
                    if not call.done:
                        self.step(*entry)

    def step(self, call: SteppedCall, host: Host | None, then: Callable[[Any], None]) -> None:
        self.enter(host)
        call.step()
        self.leave(host)
        before, self.table = self.table, self.read_table()
        self.check_step(before, call, host.task if host and host.task and host.task.call is call else None)
        if call.done:
            then(call.result)
        self.settle()

    def enter(self, host: Host | None) -> None:
        this_worker.boot = host.boot if host else ""
        this_worker.set_stopping(host.is_stopping if host else False)

    def leave(self, host: Host | None) -> None:
        if host:
            host.is_stopping = this_worker.is_stopping()

    def settle(self) -> None:
        """Forget the calls that have returned, free their workers, and let a worker that is shutting down end.

        What it has begun ends with it: no handler of a process goes on beside the next one of the same name.
        """
        self.calls = [entry for entry in self.calls if not entry[0].done]
        for host in self.hosts:
            host.signals = [call for call in host.signals if not call.done]
            if host.task and host.task.call.done:
                host.task = None
            if host.state == "stopping" and not host.task and not host.signals:
                host.state, host.last_signal = "ending", None
                host.last_signal = self.begin(shutdown.wake_other_workers, host)
            if host.state == "ending" and host.last_signal and host.last_signal.done and not host.task:
                host.state = "down"

    # What must be true after each statement

    def read_table(self) -> dict[int, Row]:
        overdue = RawSQL(OVERDUE, [])
        rows = CountingRun.objects.annotate(overdue=overdue).order_by("pk").values()
        table: dict[int, Row] = {row["id"]: {**row, "items": [], "effects": 0} for row in rows}
        for item in CountedNumber.objects.order_by("pk").values("run_id", "key", "status", "attempts"):
            table[item["run_id"]]["items"].append(item)
        for run_id in CountingEffect.objects.values_list("run_id", flat=True):
            table[run_id]["effects"] += 1
        return table

    def check_step(self, before: dict[int, Row], call: SteppedCall, task: Task | None) -> None:
        for pk, row in self.table.items():
            assert (row["finished_at"] is not None) == (row["status"] in FINISHED), row
            assert row["status"] == Status.RUNNING or not row["requested"], "a stop request without an attempt"
            assert (row["progress_pct"] == 100) == (row["status"] == Status.COMPLETED), row
            if row["status"] == Status.COMPLETED:
                self.check_completed(row)
            for key in row["poison_items"]:
                self.check_poison(pk, key)
            if old := before.get(pk):
                self.check_transition(old, row, call)
                self.check_writes(old, row, task)

    def check_transition(self, old: Row, row: Row, call: SteppedCall) -> None:
        """G4, and only a person re-opens a run or goes on after a cancel or a pause."""
        assert row["processed"] >= old["processed"]
        assert (row["progress_pct"] or 0) >= (old["progress_pct"] or 0)
        if old["status"] in FINISHED and row["status"] != old["status"]:
            assert old["status"] != Status.COMPLETED, "completed is final"
            assert row["status"] == Status.QUEUED, "nothing else may happen to what has finished"
            assert call in self.reopening, "only a person re-opens a run"
        if row["status"] == Status.QUEUED and call in self.reopening:
            self.stop_requested.discard(row["id"])
        if old["status"] == Status.RUNNING and row["error_code"] == ErrorCode.STALE:
            assert old["overdue"], "a healthy run was expired"
        if row["attempt"] != old["attempt"]:
            assert row["attempt"] == old["attempt"] + 1
            assert (old["status"], row["status"]) == (Status.QUEUED, Status.RUNNING)
            assert row["id"] not in self.stop_requested, "it was cancelled or paused, and goes on"

    def check_writes(self, old: Row, row: Row, task: Task | None) -> None:
        """G2: a task writes only while its attempt is the run's current one."""
        columns = ("heartbeat_at", "processed", "failed", "skipped", "cursor", "items", "effects", "progress_pct")
        if not any(row[name] != old[name] for name in (*columns, "attempt")) and row["status"] == old["status"]:
            return
        if task and row["attempt"] == old["attempt"] + 1:
            task.run, task.attempt = row["id"], row["attempt"]
        elif task:
            assert (old["status"], old["attempt"]) == (Status.RUNNING, task.attempt), "a write of an older attempt"
            if row["status"] != Status.RUNNING:
                task.attempt = None  # the attempt has ended
        else:
            assert all(row[name] == old[name] for name in columns), "only tasks report progress"

    def check_poison(self, pk: int, key: str) -> None:
        """G7: no item is blamed for another's death. (An attempt may have finished one item more than it flushed.)"""
        ends = [keys[-2:] for (run, _attempt), keys in self.begun.items() if run == pk]
        assert sum(key in keys for keys in ends) >= 2, f"{key} is poison, but the attempts ended in {ends}"

    def check_completed(self, row: Row) -> None:
        poison = {int(key.removeprefix("1:")) for key in row["poison_items"]}
        kinds = ["failed" if number in poison else kind for number, kind in enumerate(self.kinds)]
        assert row["effects"] >= len(kinds) - len(poison), "completed, and something is lost"
        counts = [row[name] for name in ("total", "processed", "failed", "skipped")]
        assert counts == [len(kinds), len(kinds), kinds.count("failed"), kinds.count("skipped")]
        assert row["succeeded"] == row["processed"] - row["failed"] - row["skipped"]

    def check_what_was_shown(self, runs: list[CountingRun]) -> None:
        """G1 and G4, when a reader has its result."""
        for run in runs:
            if run.status == Status.RUNNING:
                assert not self.table[run.pk]["overdue"], "a dead run was shown as active"
            version, processed, progress_pct = self.shown.get(run.pk, (0, 0, 0.0))
            if run.version < version:
                continue  # this reader was overtaken by another: pages discard an older version
            assert run.processed >= processed, "the count went backwards"
            assert (run.progress_pct or 0.0) >= progress_pct, "the bar went backwards"
            self.shown[run.pk] = (run.version, run.processed, run.progress_pct or 0.0)

    def choose_run(self, which: int) -> int:
        """One of the runs, the newest first."""
        return sorted(self.table, reverse=True)[which % len(self.table)]

    def rows_of(self, pk: int) -> Any:
        return CountingRun.objects.filter(pk=pk)

    # G3: in the end every run that was started has finished

    def teardown(self) -> None:
        try:
            if self.kinds:
                self.settle_all()
        finally:
            for call, _, _ in self.calls:
                call.kill()
            self.enter(None)  # or a worker that was shutting down would refuse the claims of the tests after this one
            for model in (CountingRun, SweepRow):
                model.objects.all().delete()
            self.broker.__init__()  # type: ignore[misc]

    def settle_all(self) -> None:
        """Nothing breaks any more, but a task that hangs now hangs for ever: every run must finish all the same."""
        self.broker.away = False
        hung = {host.task.call for host in self.hosts if host.task and host.task.attempt}
        for _ in range(8):
            self.finish_all_but(hung)
            self.terminations_arrive()
            if self.is_settled():
                break
            for host in self.hosts:
                if host.state == "down":
                    self.boot(host)
            self.age(3700)
            self.begin(sweep.sweep)
            self.finish_all_but(hung)
            self.terminations_arrive()
            self.begin(sweep.sweep)  # the first may have come while another was at work
            for pk, row in self.table.items():
                if row["status"] == Status.PAUSED:
                    self.reopening.add(self.begin(partial(self.resume, pk)))
            self.finish_all_but(hung)
            while self.broker.messages and (free := [h for h in self.hosts if not h.task and h.state == "up"]):
                self.broker.messages -= 1
                self.deliver(free[0])
                self.finish_all_but(hung)
        assert self.is_settled(), "a run is still not finished, or a hung task keeps its slot"
        assert self.answered <= {None, *self.table}

    def is_settled(self) -> bool:
        return not any(row["status"] in ACTIVE for row in self.table.values()) and not any(
            host.task for host in self.hosts
        )

    def resume(self, pk: int) -> None:
        dispatch.reopen(self.rows_of(pk).get(), PERSON, "resumed")

    def finish_all_but(self, hung: set[SteppedCall]) -> None:
        while going := [entry for entry in self.calls if entry[0] not in hung]:
            for entry in going:
                if not entry[0].done:
                    self.step(*entry)


def test_no_order_of_events_breaks_a_guarantee(
    business_a: Business, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.RUNS_TIME_SLICE_SECONDS = 60
    settings.RUNS_FLUSH_INTERVAL_SECONDS = 0.5
    broker = Broker()
    monkeypatch.setattr(dispatch, "current_app", broker)
    monkeypatch.setattr(worker, "works", {})
    for name in ("worker@one", "worker@two"):
        announce(name, CountingRun.queue, seconds_ago=-1_000_000)
    clock = Clock()
    for module in (estimate, item_naming, progress_module, report_builder, suspect_mode):
        monkeypatch.setattr(module, "time", clock)
    with stepped_threads(monkeypatch) as threads:
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
