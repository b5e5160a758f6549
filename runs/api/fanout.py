"""One poll of the database in each process serves all its subscribers: each gets the runs that have changed.

A subscriber costs memory and a write, but no query: a run is serialized once for each edition.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import close_old_connections
from django.db.models import Q, Value
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now
from django.utils.translation import override
from rest_framework.renderers import JSONRenderer

from ..database import is_database_away
from ..models import Run, RunQuerySet, run_types
from ..readers.verdict import fetch_repaired, verdict_of
from ..states import ACTIVE
from ..time_zones import INSTALLATION_ZONE
from .now_events import NowEvents
from .run_json import serialize_run
from .subscribers import Edition, Subscriber, expired_subscribers

POLL_SECONDS = 0.5
CHECK_SECONDS = 5  # a stream ends this soon after its session, token or membership has ended
RECENT_SECONDS = 10  # longer than any commit takes: finished runs are read for so long
RESUMABLE_SECONDS = 3600  # runs that finished longer ago aren't sent to a resuming subscriber

Argument = TypeVar("Argument")
Result = TypeVar("Result")

logger = logging.getLogger(__name__)


class RunKey(NamedTuple):
    """Identifies a run among those of all types."""

    type: str
    id: int


@dataclass(frozen=True)
class RunUpdate:
    """One run as a poll found it. `events` holds its rendered event by edition, where a subscriber needs it."""

    key: RunKey
    business_id: int
    changed: bool
    events: Mapping[Edition, bytes]


@dataclass(frozen=True)
class PollQuery:
    """What to read: the editions needed in each business, and the businesses that have new subscribers."""

    editions: Mapping[int, Collection[Edition]]
    new_businesses: Collection[int]
    resume_from: datetime | None
    seconds_back: float


@dataclass(eq=False)
class Fanout:
    """The subscribers of one process, and the task that polls while there are any."""

    subscribers: set[Subscriber] = field(default_factory=set)
    healthy: bool = False  # did the last poll reach the database?
    _task: asyncio.Task[None] | None = None
    _last_visible: dict[RunKey, tuple[object, ...]] = field(default_factory=dict)
    _now_events: NowEvents = field(default_factory=NowEvents)
    _reading: asyncio.Future[None] | None = None  # of what staff are shown
    _polled_at: float = 0.0
    _expired_checked_at: float = 0.0

    def join(self, subscriber: Subscriber) -> bool:
        """False when the user has as many streams open here as are allowed."""
        if sum(other.user_id == subscriber.user_id for other in self.subscribers) >= settings.STREAMS_PER_USER:
            return False
        self.subscribers.add(subscriber)
        if self._task is None:
            self._polled_at = self._expired_checked_at = time.monotonic()
            self._task = asyncio.create_task(self._poll_while_subscribed())
        return True

    def leave(self, subscriber: Subscriber) -> None:
        self.subscribers.discard(subscriber)

    async def _poll_while_subscribed(self) -> None:
        # Threads of its own: asgiref ends a request's thread with the request.
        with ThreadPoolExecutor(2, "runs-stream") as threads:
            while self.subscribers or self._reading:
                began = time.monotonic()
                try:
                    await self._poll_once(threads)
                except Exception as error:
                    if not is_database_away(error):
                        logger.exception("A poll for the streams failed")
                    elif self.healthy:
                        logger.warning("The streams wait for the database: %s", error)
                    self.healthy = False
                await asyncio.sleep(max(0.05, POLL_SECONDS - (time.monotonic() - began)))
        self._task = None
        self._last_visible = {}

    async def _poll_once(self, threads: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        began = time.monotonic()
        subscribers = list(self.subscribers)
        if began - self._expired_checked_at >= CHECK_SECONDS:
            for subscriber in await loop.run_in_executor(
                threads, with_own_connection, expired_subscribers, subscribers
            ):
                subscriber.end()
            self._expired_checked_at = began
        staff = [subscriber for subscriber in subscribers if subscriber.now_edition]
        members = [subscriber for subscriber in subscribers if not subscriber.now_edition]
        self.update_staff(threads, staff)
        if members:
            query = self.build_query(members)
            updates = await loop.run_in_executor(threads, with_own_connection, self.fetch_updates, query)
            self.distribute(updates, members)
            self.healthy = True
        self._polled_at = began

    def update_staff(self, threads: ThreadPoolExecutor, staff: Collection[Subscriber]) -> None:
        """Begin what staff are shown, or send it when it is there: members don't wait for a broker that is away."""
        if self._reading is None and self._now_events.are_due(staff):
            loop = asyncio.get_running_loop()
            self._reading = loop.run_in_executor(threads, with_own_connection, self._now_events.fetch, staff)
        elif self._reading and self._reading.done():
            reading, self._reading = self._reading, None
            reading.result()  # or what went wrong
            self.healthy = True
            self._now_events.distribute(staff)

    def build_query(self, subscribers: Collection[Subscriber]) -> PollQuery:
        editions: dict[int, set[Edition]] = {}
        for subscriber in subscribers:
            if subscriber.business_id is not None:
                editions.setdefault(subscriber.business_id, set()).add(subscriber.edition)
        new = [subscriber for subscriber in subscribers if not subscriber.has_first_updates]
        return PollQuery(
            editions,
            {subscriber.business_id for subscriber in new if subscriber.business_id is not None},
            min((subscriber.resume_from for subscriber in new if subscriber.resume_from), default=None),
            RECENT_SECONDS + time.monotonic() - self._polled_at,
        )

    def fetch_updates(self, query: PollQuery) -> list[RunUpdate]:
        runs = [run for model in run_types() for run in fetch_repaired(runs_to_send(model, query))]
        visible = {RunKey(run.slug, run.pk): visible_state(run) for run in runs}
        updates = [self.build_update(run, visible, query) for run in runs]
        self._last_visible = visible
        return updates

    def build_update(self, run: Run, visible: Mapping[RunKey, tuple[object, ...]], query: PollQuery) -> RunUpdate:
        key = RunKey(run.slug, run.pk)
        changed = is_recent(run, query) and self._last_visible.get(key) != visible[key]
        needed = changed or run.business_id in query.new_businesses
        editions = query.editions[run.business_id] if needed else ()
        return RunUpdate(key, run.business_id, changed, {edition: render_event(run, edition) for edition in editions})

    def distribute(self, updates: Collection[RunUpdate], subscribers: Collection[Subscriber]) -> None:
        by_business: dict[int, list[RunUpdate]] = {}
        for update in updates:
            by_business.setdefault(update.business_id, []).append(update)
        for subscriber in subscribers:
            own = by_business.get(subscriber.business_id, ()) if subscriber.business_id is not None else ()
            due = [update for update in own if update.changed or not subscriber.has_first_updates]
            subscriber.send_updates({update.key: update.events[subscriber.edition] for update in due})
            subscriber.has_first_updates = True


_fanouts: WeakKeyDictionary[asyncio.AbstractEventLoop, Fanout] = WeakKeyDictionary()


def get_fanout() -> Fanout:
    """The fanout of this process: of its one event loop."""
    return _fanouts.setdefault(asyncio.get_running_loop(), Fanout())


def with_own_connection(function: Callable[[Argument], Result], argument: Argument) -> Result:
    close_old_connections()
    try:
        return function(argument)
    finally:
        close_old_connections()  # returns it to the pool


def runs_to_send(model: type[Run], query: PollQuery) -> RunQuerySet[Run]:
    """Active runs, those that finished since the last poll, and for resuming subscribers those that they missed.

    Partial indexes make each of these cheap.
    """
    wanted = Q(status__in=ACTIVE) | Q(finished_at__gt=database_time_before(query.seconds_back))
    if query.resume_from:
        missed = Q(finished_at__gt=query.resume_from) & Q(finished_at__gt=database_time_before(RESUMABLE_SECONDS))
        wanted |= missed & Q(business__in=list(query.new_businesses))
    return model.objects.filter(wanted, business__in=list(query.editions)).with_ages()


def is_recent(run: Run, query: PollQuery) -> bool:
    """False for a run that was read for a resuming subscriber only: to all others it is no news."""
    return run.finished_at is None or run.finished_at > run.server_now - timedelta(seconds=query.seconds_back)


def database_time_before(seconds: float) -> CombinedExpression:
    return CombinedExpression(Now(), "-", Value(timedelta(seconds=seconds)))


def visible_state(run: Run) -> tuple[object, ...]:
    """Differs whenever a reader would see more than an age that has grown."""
    verdict = verdict_of(run)
    return run.version, verdict.code, verdict.message, verdict.evidence["place_in_queue"]


def render_event(run: Run, edition: Edition) -> bytes:
    """The event's id is the database's time: a subscriber that reconnects with it gets what finished meanwhile."""
    own_zone, run.is_read_only = run.zone_name, edition.is_read_only
    if edition.is_admin:
        run.zone_name = INSTALLATION_ZONE
    with override(edition.language):
        data = JSONRenderer().render(serialize_run(run))
    run.zone_name = own_zone  # for the next edition
    return b"event: run\nid: %d\ndata: %b\n\n" % (run.server_now.timestamp() * 1000, data)
