"""One poll of the database a process, for all who watch a stream: each subscriber gets what has changed.

A subscriber costs memory and a write, no query. What a poll finds is serialized once for each language.
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
from .outputs import RunSerializer
from .subscribers import Subscriber, expired_subscribers

POLL_SECONDS = 0.5
CHECK_SECONDS = 5  # how soon a stream ends when the session, the token or the membership behind it has
RECENT_SECONDS = 10  # longer than any commit takes: what has finished is sent for so long
RESUMED_SECONDS = 3600  # what a subscriber missed longer ago is found in the list of runs

A = TypeVar("A")
T = TypeVar("T")

logger = logging.getLogger(__name__)


class RunKey(NamedTuple):
    """Which run, among those of all types."""

    type: str
    id: int


@dataclass(frozen=True)
class RunUpdate:
    """What subscribers get about a run: `events` by language, for those who need one."""

    key: RunKey
    business_id: int
    changed: bool
    events: Mapping[str, bytes]


@dataclass(frozen=True)
class PollQuery:
    """What a poll is for: languages by business, and the businesses whose subscribers have got nothing yet."""

    languages: Mapping[int, Collection[str]]
    newcomers: Collection[int]
    resumed: datetime | None
    seconds_back: float


@dataclass(eq=False)
class Fanout:
    """The polls of one process, while it has subscribers."""

    subscribers: set[Subscriber] = field(default_factory=set)
    healthy: bool = False  # did the last poll reach the database?
    _task: asyncio.Task[None] | None = None
    _shown: dict[RunKey, tuple[object, ...]] = field(default_factory=dict)
    _polled_at: float = 0.0
    _checked_at: float = 0.0

    def join(self, subscriber: Subscriber) -> bool:
        """False for one whose user has as many streams here as one may have."""
        if sum(other.user_id == subscriber.user_id for other in self.subscribers) >= settings.STREAMS_PER_USER:
            return False
        self.subscribers.add(subscriber)
        if self._task is None:
            self._polled_at = self._checked_at = time.monotonic()
            self._task = asyncio.create_task(self._poll_while_subscribed())
        return True

    def leave(self, subscriber: Subscriber) -> None:
        self.subscribers.discard(subscriber)

    async def _poll_while_subscribed(self) -> None:
        # A thread of its own: what a request's thread holds ends with the request.
        with ThreadPoolExecutor(1, "runs-stream") as thread:
            while self.subscribers:
                began = time.monotonic()
                try:
                    await self._poll_once(thread)
                except Exception as error:
                    if not is_database_away(error):
                        logger.exception("A poll for the streams failed")
                    elif self.healthy:
                        logger.warning("The streams wait for the database: %s", error)
                    self.healthy = False
                await asyncio.sleep(max(0.05, POLL_SECONDS - (time.monotonic() - began)))
        self._task = None
        self._shown = {}

    async def _poll_once(self, thread: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        began = time.monotonic()
        watching = list(self.subscribers)
        if began - self._checked_at >= CHECK_SECONDS:
            for subscriber in await loop.run_in_executor(thread, with_own_connection, expired_subscribers, watching):
                subscriber.end()
            self._checked_at = began
        updates = await loop.run_in_executor(thread, with_own_connection, self._poll, self._build_query(watching))
        self._polled_at, self.healthy = began, True
        self._distribute(updates, watching)

    def _build_query(self, watching: Collection[Subscriber]) -> PollQuery:
        languages: dict[int, set[str]] = {}
        for subscriber in watching:
            languages.setdefault(subscriber.business_id, set()).add(subscriber.language)
        newcomers = [subscriber for subscriber in watching if not subscriber.is_greeted]
        return PollQuery(
            languages,
            {subscriber.business_id for subscriber in newcomers},
            min((subscriber.resumed for subscriber in newcomers if subscriber.resumed), default=None),
            RECENT_SECONDS + time.monotonic() - self._polled_at,
        )

    def _poll(self, query: PollQuery) -> list[RunUpdate]:
        runs = [run for model in run_types() for run in fetch_repaired(runs_to_send(model, query))]
        shown = {RunKey(run.slug, run.pk): visible_state(run) for run in runs}
        updates = [self._update_of(run, shown, query) for run in runs]
        self._shown = shown
        return updates

    def _update_of(self, run: Run, shown: Mapping[RunKey, tuple[object, ...]], query: PollQuery) -> RunUpdate:
        key = RunKey(run.slug, run.pk)
        changed = self._shown.get(key) != shown[key]
        needed = changed or run.business_id in query.newcomers
        languages = query.languages[run.business_id] if needed else ()
        return RunUpdate(
            key, run.business_id, changed, {language: render_event(run, language) for language in languages}
        )

    def _distribute(self, updates: Collection[RunUpdate], watching: Collection[Subscriber]) -> None:
        by_business: dict[int, list[RunUpdate]] = {}
        for each in updates:
            by_business.setdefault(each.business_id, []).append(each)
        for subscriber in watching:
            news = by_business.get(subscriber.business_id, ())
            due = [each for each in news if each.changed or not subscriber.is_greeted]
            subscriber.send_updates({each.key: each.events[subscriber.language] for each in due})
            subscriber.is_greeted = True


_fanouts: WeakKeyDictionary[asyncio.AbstractEventLoop, Fanout] = WeakKeyDictionary()


def get_fanout() -> Fanout:
    """The one of this process, or rather of its event loop."""
    return _fanouts.setdefault(asyncio.get_running_loop(), Fanout())


def with_own_connection(function: Callable[[A], T], argument: A) -> T:
    close_old_connections()
    try:
        return function(argument)
    finally:
        close_old_connections()  # a pooled connection goes back


def runs_to_send(model: type[Run], query: PollQuery) -> RunQuerySet[Run]:
    """The active ones, and those that ended since the last poll: few, by partial indexes."""
    wanted = Q(status__in=ACTIVE) | Q(finished_at__gt=database_time_before(query.seconds_back))
    if query.resumed:
        wanted |= Q(finished_at__gt=query.resumed) & Q(finished_at__gt=database_time_before(RESUMED_SECONDS))
    return model.objects.filter(wanted, business__in=list(query.languages)).with_ages()


def database_time_before(seconds: float) -> CombinedExpression:
    return CombinedExpression(Now(), "-", Value(timedelta(seconds=seconds)))


def visible_state(run: Run) -> tuple[object, ...]:
    """Differs whenever readers would see something else than the passing of time."""
    verdict = verdict_of(run)
    return run.version, verdict.code, verdict.message


def render_event(run: Run, language: str) -> bytes:
    """The id is the database's time: with it a subscriber that was away gets what ended meanwhile."""
    with override(language):
        data = JSONRenderer().render(RunSerializer(run).data)
    return b"event: run\nid: %d\ndata: %b\n\n" % (run.server_now.timestamp() * 1000, data)
