"""Whatever is queued, claimed, ended and limited in whatever order: claims keep to their order and to the limits.

Workers claim one statement at a time, so that others claim, end and reset runs between a choice and its claim. Where
one claims alone, an oracle of a few lines says which run it must be. `PROTOCOL_EXAMPLES=3000` searches for longer.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db.models import Model, Q
from django.db.models.functions import Now
from hypothesis import HealthCheck, Phase
from hypothesis import settings as search
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pytest_django import Settings

from runs.drill.models import DrillRun
from runs.lifecycle.claim import claim_next
from runs.lifecycle.reset import reset_progress
from runs.models import Business, Run, RunLimit, queue_snapshot
from runs.models.audit import SWEEP, SYSTEM
from runs.models.business_queue import BusinessQueue
from runs.models.queue_snapshot import fetch_order
from runs.states import ACTIVE, Status
from tests.contract.models import CountingRun
from tests.stepped_calls import SteppedCall, stepped_threads

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES = int(os.environ.get("PROTOCOL_EXAMPLES", "0"))
QUEUE = DrillRun.queue
TYPES: tuple[type[Run], ...] = (DrillRun, CountingRun)  # both of one queue; of the second, one active a business
NEVER = datetime.min.replace(tzinfo=UTC)

KNOWN_TYPES = (TYPES, TYPES[:1], TYPES[1:])  # by workers that claim at the same time; of other versions, perhaps
ALL = 3  # instead of one of the three businesses

WHICH = st.integers(0, 7)
LIMITS = st.sampled_from([None, 1, 1, 2, 2, 3, 0])
Claimable = tuple[type[Run], int]
Counted = tuple[int | None, str]  # runs of a business and type; None, "": of all
Limits = dict[Counted, int]


class ClaimRules(RuleBasedStateMachine):
    threads: ThreadPoolExecutor
    businesses: list[Business]
    defaults: dict[str, int]  # RUNS_MAX_RUNNING
    monkeypatch: pytest.MonkeyPatch

    def __init__(self) -> None:
        super().__init__()
        self.claims: list[SteppedCall] = []
        self.attempts: set[tuple[str, int, int]] = set()
        self.counts: dict[Any, int] = {}

    # What happens

    @initialize(counts=st.tuples(*[st.integers(0, 2)] * 6), most=LIMITS, many=st.booleans())
    def there_is_work(self, counts: tuple[int, ...], most: int | None, many: bool) -> None:
        """Even three businesses may be `many`: then the first is found from those served longest ago."""
        self.monkeypatch.setattr(queue_snapshot, "FEW", 0 if many else 10)
        self.monkeypatch.setattr(queue_snapshot, "FIRST", 1 if many else 10)
        self.a_limit_is_set(ALL, "", most)
        for which, number in enumerate(counts):
            self.runs_are_queued(which, TYPES[which // 3], number)

    @rule(which=WHICH, model=st.sampled_from(TYPES), number=st.integers(1, 3))
    def runs_are_queued(self, which: int, model: type[Run], number: int) -> None:
        business = self.businesses[which % len(self.businesses)]
        for _run in range(number):
            if not (model.exclusive and model.objects.active().filter(business=business).exists()):
                model.objects.create(business=business, **({"steps": 1} if model is DrillRun else {}))

    @rule(which=WHICH, how=st.sampled_from(["all begin", "all begin", "goes on", "goes on", "alone"]))
    def a_worker_claims(self, which: int, how: str) -> None:
        if how == "goes on" and self.claims:
            self.go_on(self.claims[which % len(self.claims)])
        elif how == "all begin":
            for types in KNOWN_TYPES[len(self.claims) :]:
                self.begin(types)
        elif not self.claims:
            self.claim_by_the_rules()

    def begin(self, types: Sequence[type[Run]]) -> None:
        """As far as its choice: what it will claim may be claimed by others first."""
        self.claims.append(SteppedCall(self.threads, partial(claim, types)))
        self.go_on(self.claims[-1])

    def go_on(self, claiming: SteppedCall) -> None:
        claiming.step()
        if claiming.done:
            self.claims.remove(claiming)
            self.note(claiming.result)

    def claim_by_the_rules(self) -> Run | None:
        """Alone, a worker claims the very run that is next."""
        fetch_order(QUEUE, prepare=True)  # as a worker looks
        expected = self.next_by_the_rules()
        run = claim()
        assert (run and (type(run), run.pk)) == expected
        self.note(run)
        return run

    @rule(which=WHICH, how=st.sampled_from(["finish", "wait", "expire", "reclaim", "reset"]))
    def an_attempt_ends(self, which: int, how: str) -> None:
        if not (running := self.runs(Q(status=Status.RUNNING))):
            return
        run = running[which % len(running)]
        row = type(run).objects.filter(pk=run.pk)
        if how == "finish":
            row.transition_to(Status.COMPLETED, finished_at=Now())
        elif how == "wait":
            row.requeue(waiting_until=Now() + timedelta(hours=1), waiting_reason="a limit")
        elif how == "expire":
            row.update(heartbeat_at=Now() - timedelta(hours=1))
            assert row.expire(SWEEP) == 1
        elif how == "reclaim":
            row.reclaim(SYSTEM)
        else:
            reset_progress(run.business, actor=SYSTEM)

    @rule(which=WHICH)
    def a_wait_is_over(self, which: int) -> None:
        if waiting := self.runs(Q(status=Status.QUEUED, waiting_until__isnull=False)):
            run = waiting[which % len(waiting)]
            type(run).objects.filter(pk=run.pk).update(waiting_until=Now() - timedelta(seconds=1))

    @precondition(lambda self: not self.claims)  # a claim knows the limits that held when it began
    @rule(which=WHICH, slug=st.sampled_from(["", *(model.slug for model in TYPES)]), most=LIMITS)
    def a_limit_is_set(self, which: int, slug: str, most: int | None) -> None:
        business = [*self.businesses, None][min(which, ALL)]
        RunLimit.objects.filter(business=business, run_type=slug).delete()
        if most is not None:
            RunLimit.objects.create(business=business, run_type=slug, max_running=most)

    @precondition(lambda self: not self.claims)
    @rule(model=st.sampled_from(TYPES), most=LIMITS)
    def a_setting_is_changed(self, model: type[Run], most: int | None) -> None:
        self.defaults.pop(model.slug, None)
        if most is not None:
            self.defaults[model.slug] = most

    # What must be true

    @invariant()
    def no_claim_exceeds_a_limit(self) -> None:
        """A limit may have been lowered below what was running already."""
        running, limits, before = self.running(), self.limits(), self.counts
        self.counts = {}
        for business in self.businesses:
            for model in TYPES:
                for key, most in limits_of(business.pk, model.slug, limits):
                    self.counts[key] = count(running, key)
                    assert self.counts[key] <= max(most, before.get(key, count(running, key))), key

    def note(self, run: Run | None) -> None:
        """No run is claimed twice: each claim is a new attempt."""
        if run:
            attempt = (run.slug, run.pk, run.attempt)
            assert attempt not in self.attempts
            self.attempts.add(attempt)

    def teardown(self) -> None:
        try:
            while self.claims:
                self.go_on(self.claims[0])
                self.no_claim_exceeds_a_limit()
            self.everything_else_is_claimed_in_turn()
        finally:
            for claiming in self.claims:
                claiming.kill()
            self.defaults.clear()
            tables: list[type[Model]] = [*TYPES, RunLimit, BusinessQueue]
            for table in tables:
                table._default_manager.all().delete()

    def everything_else_is_claimed_in_turn(self) -> None:
        """Nobody starves: as attempts end, each run is claimed, but for those that a limit of 0 holds back."""
        active = len(self.runs(Q(status__in=ACTIVE)))
        for number in range(3 * active):
            claimed = self.claim_by_the_rules()
            if claimed is None or number % 3 == 2:
                self.the_latest_is_finished()
        left = self.runs(Q(status=Status.QUEUED, waiting_until=None))
        limits = self.limits()
        held_back = [run for run in left if any(not most for _, most in limits_of(run.business_id, run.slug, limits))]
        assert held_back == left

    def the_latest_is_finished(self) -> None:
        """Its business then has fewer runs than others, though it was served after them."""
        if running := self.runs(Q(status=Status.RUNNING)):
            latest = max(running, key=lambda run: run.claimed_at or NEVER)
            type(latest).objects.filter(pk=latest.pk).transition_to(Status.COMPLETED, finished_at=Now())

    # The oracle

    def next_by_the_rules(self) -> Claimable | None:
        running, limits = self.running(), self.limits()
        served = dict(BusinessQueue.objects.values_list("business_id", "served_at"))
        claimable = self.runs(Q(status=Status.QUEUED) & (Q(waiting_until=None) | Q(waiting_until__lte=Now())))
        order = sorted(
            (
                (sum(running[run.business_id, model.slug] for model in TYPES), served.get(run.business_id) or NEVER),
                (run.queued_at, run.business_id, run.pk),
                run,
            )
            for run in claimable
            if not any(count(running, key) >= most for key, most in limits_of(run.business_id, run.slug, limits))
        )
        return (type(order[0][-1]), order[0][-1].pk) if order else None

    def limits(self) -> Limits:
        """By whose runs each counts. The setting holds where a business has no limit of its own for the type."""
        limits: Limits = {}
        for business in self.businesses:
            limits |= {(business.pk, slug): most for slug, most in self.defaults.items()}
        return limits | {(row.business_id, row.run_type): row.max_running for row in RunLimit.objects.all()}

    def running(self) -> Counter[tuple[int, str]]:
        return Counter((run.business_id, run.slug) for run in self.runs(Q(status=Status.RUNNING)))

    def runs(self, condition: Q) -> list[Run]:
        return [run for model in TYPES for run in model.objects.filter(condition).order_by("pk")]


def limits_of(business: int, slug: str, limits: Limits) -> list[tuple[Counted, int]]:
    return [(key, limits[key]) for key in ((business, slug), (business, ""), (None, slug), (None, "")) if key in limits]


def claim(types: Sequence[type[Run]] = TYPES) -> Run | None:
    return claim_next(QUEUE, worker="worker@test", task_id="task", types=types)


def count(running: Counter[tuple[int, str]], key: Counted) -> int:
    business, slug = key
    return sum(number for (whose, what), number in running.items() if business in (None, whose) and slug in ("", what))


def test_no_order_of_events_lets_a_claim_break_the_rules(
    business_a: Business, business_b: Business, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    defaults: dict[str, int] = {}
    settings.RUNS_MAX_RUNNING = defaults
    businesses = [business_a, business_b, Business.objects.create(name="Business C", slug="business-c")]
    with stepped_threads(monkeypatch) as threads:
        scene = {"threads": threads, "businesses": businesses, "defaults": defaults, "monkeypatch": monkeypatch}
        run_state_machine_as_test(type("ClaimRules", (ClaimRules,), scene), settings=SEARCH)


SEARCH = search(
    max_examples=EXAMPLES or 8,
    stateful_step_count=60 if EXAMPLES else 30,
    derandomize=not EXAMPLES,
    phases=[Phase.generate],
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
