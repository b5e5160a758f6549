"""What every run has in common."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import timedelta, tzinfo
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Value
from django.db.models.functions import Now
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext, npgettext
from django.utils.translation import gettext_lazy as _

from ..exceptions import WrongStatus
from ..numbers import format_number
from ..states import ACTIONS, ACTIVE, FINISHED, TRANSITIONS, Action, ErrorCode, ItemStatus, Status, StopRequest
from ..time_zones import zone_named
from .about import describe
from .audit import Actor, audit_context
from .business import Business
from .heartbeat import HeartbeatMixin
from .run_queryset import RunQuerySet

if TYPE_CHECKING:
    from .item import RunItem


class Run(HeartbeatMixin):
    """One long piece of work for one business. A subclass is a run type: docs/adding-a-run-type.md."""

    slug: ClassVar[str]  # names the type in URLs
    queue: ClassVar[str]  # the Celery queue that serves it
    exclusive: ClassVar[bool] = False  # one active run per business?
    stale_after_seconds: ClassVar[int | None] = None  # None: the setting
    public_fields: ClassVar[tuple[str, ...]] = ()  # shown under `details` in the run JSON
    search_fields: ClassVar[tuple[str, ...]] = ()  # its own texts that staff can search
    source_path: ClassVar[str] = ""  # to the name of what the type works on: "mailbox__name"
    when_reopened: ClassVar[Mapping[str, Any]] = MappingProxyType({})  # its own columns, as a resume or retry sets them

    business = models.ForeignKey(
        Business, verbose_name=_("business"), on_delete=models.CASCADE, related_name="%(class)ss"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("created by"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )
    idempotency_key = models.CharField(max_length=200, blank=True, default="")
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.QUEUED)

    total = models.PositiveIntegerField(_("total"), null=True)  # null: unknown
    processed = models.PositiveIntegerField(_("processed"), default=0)
    succeeded = models.PositiveIntegerField(_("succeeded"), default=0)
    failed = models.PositiveIntegerField(_("failed"), default=0)
    skipped = models.PositiveIntegerField(_("skipped"), default=0)
    progress_pct = models.FloatField(_("progress"), null=True)  # the highest ever shown
    rate = models.FloatField(_("items a second"), null=True)
    eta = models.FloatField(null=True)  # seconds left at the last heartbeat, as the worker estimated
    pace = models.JSONField(default=list, blank=True, db_default=Value([], models.JSONField()))  # `ThroughputHistory`
    # Where a new attempt goes on, and the counters as they were there.
    cursor = models.JSONField(default=dict, blank=True)
    cursor_counts = models.JSONField(default=dict, blank=True)

    attempt = models.PositiveIntegerField(_("attempt"), default=0)  # the fencing token
    losses = models.PositiveIntegerField(default=0)  # workers lost in a row without progress between
    # What `poison` remembers of deaths.
    suspect_mode = models.BooleanField(default=False, db_default=False)  # the next attempt names each item it begins
    open_item = models.CharField(max_length=200, blank=True, default="", db_default="")  # the one that is named now
    accused_item = models.CharField(max_length=200, blank=True, default="", db_default="")  # open at the last death
    poison_items = models.JSONField(default=list, blank=True, db_default=Value([], models.JSONField()))
    furthest = models.FloatField(default=0.0, db_default=0.0)  # items finished, and the part of the open one, ever
    worker = models.CharField(_("worker"), max_length=200, blank=True, default="")
    worker_boot = models.CharField(max_length=40, blank=True, default="")
    task_id = models.CharField(max_length=64, blank=True, default="")
    requested = models.CharField(max_length=16, choices=StopRequest, blank=True, default="")
    requested_by = models.JSONField(null=True, editable=False)  # the `Actor` and a reason; null: the machinery
    waiting_until = models.DateTimeField(null=True)  # of a running attempt, or in the queue: nobody claims it before
    waiting_reason = models.CharField(max_length=200, blank=True, default="")

    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    queued_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(_("started"), null=True, editable=False)
    claimed_at = models.DateTimeField(null=True, editable=False)  # by the present attempt
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)

    error_code = models.CharField(max_length=16, choices=ErrorCode, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    version = models.PositiveBigIntegerField(default=1)

    # Filled by `with_ages()`: seconds in the queue, and names, without loading the rows they are of.
    queue_age: float | None = None
    source_name: str | None = None
    worked_seconds: float | None = None  # in all attempts, without pauses and time in the queue
    starter_name: str | None = None

    events: Any  # a manager: the timeline; see `record_changes()`
    queue_place: Any = None  # where it stands in its queue; filled by `fetch_repaired()`, of a queued run
    # Filled by `RunColumns`, of a run that has ended: its row without the ages. Its JSON is cached by it.
    ended_row: Hashable = None
    is_read_only: bool = False  # for this reader, who is no member of its business
    # The name of its reader's time zone: its business's, unless a view of staff sets another.
    # Filled by `fetch_repaired()`, of a run that waits until a time.
    zone_name: str | None = None

    objects: ClassVar[RunQuerySet[Self]] = RunQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        abstract = True
        get_latest_by = "created_at"
        indexes = [
            # Sweep, read-repair and reset: only the few active rows, however long the history.
            models.Index(
                fields=["business"],
                condition=models.Q(status__in=ACTIVE),
                name="%(class)s_active",
            ),
            # Claims: the oldest run of each business that nothing holds back; who runs how many; waits that are over.
            models.Index(
                fields=["business", "queued_at", "id"],
                condition=models.Q(status=Status.QUEUED, waiting_until=None),
                name="%(class)s_claimable",
            ),
            models.Index(fields=["business"], condition=models.Q(status=Status.RUNNING), name="%(class)s_running"),
            models.Index(
                fields=["waiting_until"],
                condition=models.Q(status=Status.QUEUED, waiting_until__isnull=False),
                name="%(class)s_waiting",
            ),
            # The lists: newest first within a business.
            models.Index(fields=["business", "-created_at", "-id"], name="%(class)s_newest"),
            # The staff's list of all runs: newest first, and the few that failed or were cancelled among very many.
            models.Index(fields=["-created_at", "-id"], name="%(class)s_created"),
            models.Index(
                fields=["status", "-created_at", "-id"],
                condition=models.Q(status__in=(Status.FAILED, Status.CANCELLED)),
                name="%(class)s_ended_early",
            ),
            # The stream: what has ended lately, in the businesses that are watched.
            models.Index(fields=["finished_at"], condition=models.Q(status__in=FINISHED), name="%(class)s_finished"),
            # The sweep: expired or reset runs whose task may hang and still has to be ended.
            models.Index(
                fields=["finished_at"],
                condition=models.Q(error_code__in=(ErrorCode.STALE, ErrorCode.RESET)) & ~models.Q(task_id=""),
                name="%(class)s_hung",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["business", "idempotency_key"],
                condition=~models.Q(idempotency_key=""),
                name="%(class)s_idempotent",
            ),
            models.CheckConstraint(condition=models.Q(status__in=Status.values), name="%(class)s_status_known"),
        ]
        triggers = [
            pgtrigger.FSM(
                name="arrows",
                field="status",
                transitions=[(each.source.value, each.target.value) for each in TRANSITIONS],
                # A flush changes no status and should not pay for the check.
                condition=pgtrigger.AnyChange("status"),
            )
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"

    @classmethod
    def stale_after(cls) -> timedelta:
        return timedelta(seconds=cls.stale_after_seconds or settings.RUNS_STALE_AFTER_SECONDS)

    @classmethod
    def item_model(cls) -> type[RunItem] | None:
        """The type's items: the model whose foreign key here has `related_name="items"`."""
        for relation in cls._meta.related_objects:
            if relation.get_accessor_name() == "items":
                return cast("type[RunItem]", relation.related_model)
        return None

    def items_with(self, status: ItemStatus) -> models.QuerySet[RunItem]:
        """None for a type without items."""
        model = self.item_model()
        if model is None:
            return cast("models.QuerySet[RunItem]", type(self).objects.none())
        rows = model._default_manager.filter(status=status)
        return rows.filter(models.Q(("run", self))).order_by("pk")

    def failed_items(self) -> models.QuerySet[RunItem]:
        """The items to try again: a type may leave out failed ones that would fail again."""
        return self.items_with(ItemStatus.FAILED)

    @classmethod
    def type_label(cls) -> str:
        """What kind of run it is, in the reader's language."""
        return capfirst(str(cls._meta.verbose_name))

    def title(self) -> str:
        """The work's own name, such as the mailbox's; empty if it has none."""
        return self.source_name or ""

    def mode_label(self) -> str:
        """How it works on that, such as which period, in the reader's language; empty for a type with one way."""
        return ""

    def unit(self, n: int) -> str:
        """What `n` of its items are called, in the reader's language."""
        return npgettext("unit", "item", "items", n)

    def count_label(self, n: int) -> str:
        """So many of its items, such as "749 messages"; some languages put one into words."""
        return ngettext("%(n)s item", "%(n)s items", n) % {"n": format_number(n)}

    def result_label(self) -> str:
        """What it has brought so far, such as "534 calls"; empty if nothing."""
        return ""

    @property
    def about(self) -> dict[str, Any]:
        """What lists and cards show beside the figures. A type whose card shows it names it in `public_fields`."""
        return describe(self)

    @property
    def seconds_to_wait(self) -> float | None:
        """Until its wait is over; None where it isn't waiting. Of a run `with_ages()`."""
        return self.wait_left if self.wait_left and self.wait_left > 0 else None

    @property
    def zone(self) -> tzinfo:
        """In which its reader reads times."""
        return self.business.zone if self.zone_name is None else zone_named(self.zone_name)

    @property
    def unknown(self) -> int:
        """Items whose outcome a crash left unknown: processed, and none of the others."""
        return self.processed - self.succeeded - self.failed - self.skipped

    @property
    def is_imperfect(self) -> bool:
        """Completed, but something failed, or has an unknown outcome."""
        return self.status == Status.COMPLETED and (self.failed > 0 or self.unknown > 0)

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE

    def actions(self) -> list[Action]:
        """What a person may do to the run as it is now."""
        actions = ACTIONS[Status(self.status)]
        if self.item_model() is None or not self.failed:
            actions = tuple(action for action in actions if action != Action.RETRY_FAILED)
        if self.requested == StopRequest.CANCEL or self.is_read_only:
            return []
        return list(actions)

    def cancel(self, actor: Actor, reason: str = "") -> None:
        self._cancel_or_request_stop(StopRequest.CANCEL, actor, reason)

    def pause(self, actor: Actor, reason: str = "") -> None:
        self._cancel_or_request_stop(StopRequest.PAUSE, actor, reason)

    def _cancel_or_request_stop(self, request: StopRequest, actor: Actor, reason: str) -> None:
        """A run without a worker changes at once; of a running one it is requested."""
        if request == StopRequest.CANCEL and self._cancel_without_worker(actor, reason):
            return
        if self._own_row().request_stop(request, actor=actor, reason=reason):
            return
        # Its worker may have been lost, and the run requeued, between the two statements.
        if request == StopRequest.CANCEL and self._cancel_without_worker(actor, reason):
            return
        raise WrongStatus

    def _cancel_without_worker(self, actor: Actor, reason: str) -> int:
        without_worker = self._own_row().filter(status__in=(Status.QUEUED, Status.PAUSED))
        with audit_context(actor, reason or "cancelled"):
            return without_worker.transition_to(Status.CANCELLED, finished_at=Now())

    def nothing_to_retry(self) -> str:
        """Why none of the items may be tried again now, in the reader's language."""
        return gettext("There is nothing to retry.")

    def retry_fields(self) -> dict[str, Any]:
        """What a run of this one's failed items is started with, besides the business."""
        return {}

    def _own_row(self) -> RunQuerySet[Run]:
        return type(self).objects.filter(pk=self.pk)
