"""Businesses, their members, and what every run has in common."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import timedelta
from typing import Any, ClassVar, Self, TypeVar, cast

import pgtrigger
from django.apps import apps
from django.conf import settings
from django.db import Error, connection, models, transaction
from django.db.models import Value
from django.db.models.expressions import CombinedExpression, RawSQL
from django.db.models.functions import Greatest, Now
from django.db.models.signals import class_prepared
from django.dispatch import receiver
from django.utils.text import capfirst
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from .database import discard_connection, is_database_away
from .exceptions import WrongState
from .poison import COUNTS_AS_LOSS, death_columns
from .states import (
    ACTIONS,
    ACTIVE,
    ARROWS,
    FINISHED,
    Action,
    ErrorCode,
    ItemStatus,
    Request,
    Status,
    sources,
)
from .stored_text import translate_stored
from .timeline import READER, SYSTEM, Actor, because, record_changes

logger = logging.getLogger(__name__)


class BusinessQuerySet(models.QuerySet["Business"]):
    def of(self, user: Any) -> Self:
        """The businesses that this user is a member of."""
        return self.filter(memberships__user=user) if user.is_authenticated else self.none()


class Business(models.Model):
    name = models.CharField(_("name"), max_length=200)
    slug = models.SlugField(_("slug"), unique=True)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership", related_name="businesses")

    objects = BusinessQuerySet.as_manager()

    class Meta:
        verbose_name = _("business")
        verbose_name_plural = _("businesses")
        ordering = ["name"]
        permissions = [("reset_progress", "Can reset progress")]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    class Role(models.TextChoices):
        MEMBER = "member", _("Member")
        OWNER = "owner", _("Owner")

    business = models.ForeignKey(Business, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=16, choices=Role, default=Role.MEMBER)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [models.UniqueConstraint(fields=["business", "user"], name="one_membership_each")]

    def __str__(self) -> str:
        return f"{self.user} · {self.business}"


H = TypeVar("H", bound="HeartbeatMixin")
R = TypeVar("R", bound="Run")


class HeartbeatQuerySet(models.QuerySet[H]):
    """The questions about silence, asked by the database's clock alone."""

    def silent_for(self, age: timedelta) -> Self:
        """No heartbeat for `age`, and none promised for later by `allow_silence`."""
        return self.filter(
            ~models.Q(silent_until__gt=Now()),
            heartbeat_at__lt=CombinedExpression(Now(), "-", models.Value(age)),
        )

    def with_ages(self) -> Self:
        """Annotate what the verdict needs, so that no reader subtracts clocks of its own."""
        return self.annotate(
            server_now=Now(),
            heartbeat_age=_seconds_since("heartbeat_at"),
            progress_age=_seconds_since("progress_at"),
            silence_left=-_seconds_since("silent_until"),
            wait_left=-_seconds_since("waiting_until"),
        )


def _seconds_since(column: str) -> models.Func:
    return models.Func(
        Now(),
        models.F(column),
        template="EXTRACT(EPOCH FROM %(expressions)s)::float8",
        arg_joiner=" - ",
        output_field=models.FloatField(),
    )


class HeartbeatMixin(models.Model):
    """A row whose owner must be heard from. Every timestamp is the database's own."""

    heartbeat_at = models.DateTimeField(_("heartbeat"), null=True, editable=False)
    progress_at = models.DateTimeField(_("last progress"), null=True, editable=False)
    silent_until = models.DateTimeField(_("silent until"), null=True, editable=False)

    # Filled by `with_ages()`, in seconds; null where there is nothing to measure.
    server_now: Any
    heartbeat_age: float | None
    progress_age: float | None
    silence_left: float | None
    wait_left: float | None

    class Meta:
        abstract = True


LOST_TOO_OFTEN = gettext_noop("The worker died several times in a row on this run.")
INTERRUPTED = gettext_noop("The worker was lost before it heard the outcome.")

# Guarded twice: the subquery locks and judges, the outer condition keeps the arrow legal.
_DEATH = ", ".join(f"{column} = {value}" for column, value in death_columns().items())
_EXPIRE = f"""
    UPDATE {{table}} SET
        status = '{Status.FAILED}',
        error_code = '{ErrorCode.STALE}',
        error_message = format(
            'Run marked as failed due to no heartbeat for %%ss',
            floor(extract(epoch FROM statement_timestamp() - heartbeat_at))::bigint
        ),
        finished_at = statement_timestamp(),
        requested = '', silent_until = NULL, waiting_until = NULL, waiting_reason = '',
        {_DEATH},
        version = version + 1
    WHERE id IN ({{stale}} FOR UPDATE SKIP LOCKED) AND status = '{Status.RUNNING}'
    RETURNING id, business_id, worker, floor(extract(epoch FROM statement_timestamp() - heartbeat_at))::bigint AS age
"""


class RunQuerySet(HeartbeatQuerySet[R]):
    def active(self) -> Self:
        return self.filter(status__in=ACTIVE)

    def stale(self) -> Self:
        return self.filter(status=Status.RUNNING).silent_for(self.model.stale_after())

    def held_by(self, run: Run) -> Self:
        """The row, as long as this very attempt still runs it, and isn't overdue."""
        heard = models.Q(heartbeat_at__gte=Now() - run.stale_after()) | models.Q(silent_until__gt=Now())
        return self.filter(heard, pk=run.pk, attempt=run.attempt, status=Status.RUNNING)

    def move(self, target: Status, **columns: Any) -> int:
        """Draw the arrow to `target` from wherever the table allows; the count tells who won."""
        leaving = {"requested": "", "silent_until": None, "waiting_until": None, "waiting_reason": ""}
        return self.filter(status__in=sources(target)).update(
            **{**leaving, "status": target, "version": models.F("version") + 1, **columns}
        )

    def fail(self, code: ErrorCode, message: Any, **columns: Any) -> int:
        return self._leave(Status.FAILED, error_code=code, error_message=message, finished_at=Now(), **columns)

    def _leave(self, target: Status, **columns: Any) -> int:
        """Move these rows, and call unknown what their attempts had in flight.

        The status first, for it fences the worker: the other way round it could settle one item and begin the next
        between the two, and that one would stay in flight for ever. A crash leaves both statements or none.
        """
        with transaction.atomic():
            rows = self.locked()
            moved = rows.move(target, **columns)
            rows.land()
        return moved

    def locked(self) -> Self:
        """These rows, locked until the transaction ends. Every writer that locks both locks a run before its items."""
        rows = self.order_by("pk").select_for_update(of=("self",), no_key=True)
        return cast("Self", self.model.objects.filter(pk__in=list(rows.values_list("pk", flat=True))))

    def expire(self, actor: Actor) -> int:
        """Fail the stale ones among these rows and log each; the same words for every caller.

        A row that somebody is writing at this moment is left to the next look.
        """
        stale, params = self.order_by().stale().values("pk").query.sql_with_params()
        table = connection.ops.quote_name(self.model._meta.db_table)
        with transaction.atomic(), because(actor, "no heartbeat"), connection.cursor() as cursor:
            cursor.execute(_EXPIRE.format(table=table, stale=stale), params)
            expired = cursor.fetchall()
            self.model.objects.filter(pk__in=[row[0] for row in expired]).land()
        for pk, business, worker, age in expired:
            logger.warning(
                "Run expired: type=%s id=%s business=%s worker=%s age=%ss", self.model.slug, pk, business, worker, age
            )
        return len(expired)

    def repair(self) -> None:
        """Read-repair: one SELECT, and the UPDATE only when a stale row was seen."""
        if self.stale().exists():
            self.expire_if_writable(READER)

    def expire_if_writable(self, actor: Actor) -> bool:
        """Like `expire`; False where the database is read-only or full: then the truth must be told unwritten."""
        try:
            self.expire(actor)
        except Error as error:
            if not is_database_away(error):
                raise
            discard_connection()
            return False
        return True

    def claimable(self) -> Self:
        """Queued, and not waiting in the queue until a later time."""
        return self.filter(~models.Q(waiting_until__gt=Now()), status=Status.QUEUED)

    def shown_as(self, *statuses: Status) -> Self:
        """What readers are told is in one of these: an overdue run has failed, even where nobody could write it."""
        overdue = models.Q(pk__in=self.model.objects.stale().values("pk"))
        shown = models.Q(status__in=statuses)
        if Status.FAILED in statuses:
            return self.filter(shown | overdue)
        return self.filter(shown & ~overdue) if Status.RUNNING in statuses else self.filter(shown)

    def requeue(self, **columns: Any) -> int:
        return self.move(
            Status.QUEUED,
            **{
                "queued_at": Now(),
                "dispatched_at": None,
                "dispatches": 0,
                "finished_at": None,
                "error_code": "",
                "error_message": "",
                **columns,
            },
        )

    def take_back(
        self, actor: Actor = SYSTEM, *, is_death: bool = True, reason: str = "resumed after worker loss"
    ) -> int:
        """Give up on a worker process that is gone: its runs go on elsewhere, from their cursors.

        A wish that it had no time to grant is granted here. Where the process died, the item that was open is
        accused (see `poison`), or else a loss is counted: a run that loses its worker again and again, with nothing
        done between, fails. `is_death` is false for a warm shutdown, which says nothing about the run.
        """
        died: dict[str, Any] = {"open_item": ""}
        losses: dict[str, Any] = {}
        if is_death:
            died = {name: RawSQL(sql, []) for name, sql in death_columns().items()}  # noqa: S611
            losses = {"losses": RawSQL(f"CASE WHEN {COUNTS_AS_LOSS} THEN losses + 1 ELSE losses END", [])}  # noqa: S611
        with transaction.atomic():
            rows = self.filter(status=Status.RUNNING).locked()
            held = rows.filter(status=Status.RUNNING)
            unasked = held.exclude(requested__in=(Request.PAUSE, Request.CANCEL))
            settled = 0
            # From the weakest to the strongest, so that a wish that comes meanwhile finds its statement still ahead.
            if is_death:
                with because(actor, "worker lost"):
                    settled += unasked.on_their_last_loss().fail(ErrorCode.WORKER_LOST, LOST_TOO_OFTEN, **died)
            with because(actor, reason if is_death else "asked to interrupt"):
                settled += unasked.requeue(**died, **losses)
            with because(actor, "asked to pause"):
                settled += held.filter(requested=Request.PAUSE).move(Status.PAUSED, **died)
            with because(actor, "asked to cancel"):
                settled += held.filter(requested=Request.CANCEL).move(Status.CANCELLED, finished_at=Now(), **died)
            rows.land()
        return settled

    def on_their_last_loss(self) -> Self:
        """Runs that fail if this death of theirs is a loss."""
        counts = RawSQL(COUNTS_AS_LOSS, [], output_field=models.BooleanField())  # noqa: S611
        return self.filter(counts, losses__gte=settings.RUNS_MAX_LOSSES - 1)

    def land(self) -> None:
        """Call unknown, and count, what the attempts of these runs have in flight: they will never say.

        The runs' rows are locked already, or their status has changed in this transaction.
        """
        items = self.model.item_model()
        if items is None:
            return
        with transaction.atomic():
            flying = items._default_manager.filter(
                models.Q(("run__in", self.order_by().values("pk"))), models.Q(status=ItemStatus.IN_FLIGHT)
            )
            lost = list(
                flying.order_by("pk").select_for_update(of=("self",), no_key=True).values_list("pk", models.F("run"))
            )
            items._default_manager.filter(pk__in=[pk for pk, _run in lost]).update(
                status=ItemStatus.UNKNOWN, error_code="interrupted", error_message=INTERRUPTED
            )
            for run, count in Counter(run for _pk, run in lost).items():
                processed = models.F("processed") + count
                self.model.objects.filter(pk=run).update(
                    processed=processed, furthest=Greatest("furthest", processed), version=models.F("version") + 1
                )

    def ask(self, request: Request) -> int:
        """Leave a wish for the worker. A cancel is overwritten by none, and what a person wished by no machine."""
        stronger = [Request.CANCEL, Request.PAUSE] if request == Request.INTERRUPT else [Request.CANCEL]
        return (
            self.filter(status=Status.RUNNING)
            .exclude(requested__in=stronger)
            .update(requested=request, version=models.F("version") + 1)
        )


class Run(HeartbeatMixin):
    """One long piece of work for one business. A subclass is a run type; see CONTRIBUTING.md."""

    slug: ClassVar[str]  # names the type in URLs
    queue: ClassVar[str]  # the Celery queue that serves it
    exclusive: ClassVar[bool] = False  # one active run per business?
    stale_after_seconds: ClassVar[int | None] = None  # None: the setting
    public_fields: ClassVar[tuple[str, ...]] = ()  # shown under `details` in the run JSON

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
    eta = models.FloatField(null=True)  # seconds left at the last heartbeat, by the worker's own reckoning
    pace = models.JSONField(default=list, blank=True, db_default=Value([], models.JSONField()))  # see pace.py
    # Where a new attempt goes on, and the counters as they were there.
    cursor = models.JSONField(default=dict, blank=True)
    cursor_counts = models.JSONField(default=dict, blank=True)

    attempt = models.PositiveIntegerField(_("attempt"), default=0)  # the fencing token
    losses = models.PositiveIntegerField(default=0)  # workers lost in a row, nothing done between
    # What `poison` remembers of deaths.
    suspect_mode = models.BooleanField(default=False, db_default=False)  # the next attempt names each item it begins
    open_item = models.CharField(max_length=200, blank=True, default="", db_default="")  # the one that is named now
    accused_item = models.CharField(max_length=200, blank=True, default="", db_default="")  # open at the last death
    poison_items = models.JSONField(default=list, blank=True, db_default=Value([], models.JSONField()))
    furthest = models.FloatField(default=0.0, db_default=0.0)  # items finished, and the part of the open one, ever
    worker = models.CharField(_("worker"), max_length=200, blank=True, default="")
    worker_boot = models.CharField(max_length=40, blank=True, default="")
    task_id = models.CharField(max_length=64, blank=True, default="")
    requested = models.CharField(max_length=16, choices=Request, blank=True, default="")
    waiting_until = models.DateTimeField(null=True)  # of a running attempt, or in the queue: nobody claims it before
    waiting_reason = models.CharField(max_length=200, blank=True, default="")

    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    queued_at = models.DateTimeField(db_default=Now(), editable=False)
    dispatched_at = models.DateTimeField(null=True, editable=False)
    dispatches = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(_("started"), null=True, editable=False)
    claimed_at = models.DateTimeField(null=True, editable=False)  # by the present attempt
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)

    error_code = models.CharField(max_length=16, choices=ErrorCode, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    version = models.PositiveBigIntegerField(default=1)

    events: Any  # a manager: the timeline; see `record_changes()`

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
            # The lists: newest first within a business.
            models.Index(fields=["business", "-created_at", "-id"], name="%(class)s_newest"),
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
                transitions=[(arrow.source.value, arrow.target.value) for arrow in ARROWS],
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

    def failed_items(self) -> models.QuerySet[RunItem]:
        """The items to try again; none for a type without items."""
        model = self.item_model()
        if model is None:
            return cast("models.QuerySet[RunItem]", type(self).objects.none())
        rows = model._default_manager.filter(status=ItemStatus.FAILED)
        return rows.filter(models.Q(("run", self))).order_by("pk")

    @classmethod
    def type_label(cls) -> str:
        """What kind of run it is, in the reader's language."""
        return capfirst(str(cls._meta.verbose_name))

    @property
    def unknown(self) -> int:
        """Items whose outcome a crash left unknown: processed, and none of the others."""
        return self.processed - self.succeeded - self.failed - self.skipped

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE

    def actions(self) -> list[Action]:
        """What a person may do to the run as it is now."""
        actions = ACTIONS[Status(self.status)]
        if self.item_model() is None or not self.failed:
            actions = tuple(action for action in actions if action != Action.RETRY_FAILED)
        if self.requested == Request.CANCEL:
            return []
        return list(actions)

    def cancel(self, actor: Actor, reason: str = "") -> None:
        self._settle_or_ask(Request.CANCEL, actor, reason)

    def pause(self, actor: Actor, reason: str = "") -> None:
        self._settle_or_ask(Request.PAUSE, actor, reason)

    def _settle_or_ask(self, request: Request, actor: Actor, reason: str) -> None:
        """A run that no worker holds changes at once; a running one is asked to."""
        if request == Request.CANCEL and self._cancel_unheld(actor, reason):
            return
        if self._row().ask(request):
            return
        # Its worker may have been lost, and the run requeued, between the two statements.
        if request == Request.CANCEL and self._cancel_unheld(actor, reason):
            return
        raise WrongState

    def _cancel_unheld(self, actor: Actor, reason: str) -> int:
        unheld = self._row().filter(status__in=(Status.QUEUED, Status.PAUSED))
        with because(actor, reason or "cancelled"):
            return unheld.move(Status.CANCELLED, finished_at=Now())

    def nothing_to_retry(self) -> str:
        """Why none of the items may be tried again now, in the reader's language."""
        return gettext("There is nothing to try again.")

    def retry_fields(self) -> dict[str, Any]:
        """What a run of this one's failed items is started with, besides the business."""
        return {}

    def _row(self) -> RunQuerySet[Run]:
        return type(self).objects.filter(pk=self.pk)


class RunItem(models.Model):
    """One piece of a run. A subclass adds `run`, a foreign key with `related_name="items"`."""

    key = models.CharField(_("key"), max_length=200)
    status = models.CharField(_("status"), max_length=16, choices=ItemStatus, default=ItemStatus.PENDING)
    error_code = models.CharField(_("error code"), max_length=64, blank=True, default="")
    error_message = models.TextField(_("error"), blank=True, default="")
    attempts = models.PositiveIntegerField(_("attempts"), default=0)

    run: models.ForeignKey[Any, Any]
    public_fields: ClassVar[tuple[str, ...]] = ()  # shown beside the common ones
    # SQL about the row `item`: where it is false, `effects` doesn't put a pending item in flight.
    begins_if: ClassVar[str] = "true"

    @property
    def explanation(self) -> str:
        """Why it failed, or what is to be said of it, in the reader's language."""
        return translate_stored(self.error_message) or self.error_code

    def headline(self) -> str:
        """What it is called for people: the first of its public fields that says something."""
        return next((str(value) for name in self.public_fields if (value := getattr(self, name))), self.key)

    def retry_fields(self) -> dict[str, Any]:
        """What a pending copy of this item holds in a run of the failed ones."""
        return {name: getattr(self, name) for name in ("key", *self.public_fields)}

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(fields=["run", "key"], name="%(class)s_key"),
        ]
        indexes = [
            # "Failed ones only", in the list, the CSV and the retry.
            models.Index(fields=["run", "status", "id"], name="%(class)s_by_status"),
        ]

    def __str__(self) -> str:
        return self.key


class Sweep(models.Model):
    """The one row that says when the sweep was last here; also its lease, so one runs at a time."""

    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("sweep")

    def __str__(self) -> str:
        return f"sweep at {self.finished_at}"


class Throttle(models.Model):
    """When a caller has paid off what it did lately; see `throttling`."""

    key = models.CharField(max_length=100, primary_key=True)
    paid_at = models.DateTimeField()

    class Meta:
        verbose_name = _("throttle")

    def __str__(self) -> str:
        return self.key


def run_types() -> list[type[Run]]:
    """Every concrete run type of the installation, by slug."""
    types = [m for m in apps.get_models() if issubclass(m, Run)]
    return sorted(types, key=lambda model: model.slug)


@receiver(class_prepared)
def complete_run_type(sender: type[models.Model], **kwargs: Any) -> None:
    """What an abstract Meta can't say: the rule of exclusive types and the table of events."""
    if not issubclass(sender, Run) or sender._meta.proxy:
        return
    if sender.exclusive:
        one_active = models.UniqueConstraint(
            fields=["business"],
            condition=models.Q(status__in=ACTIVE),
            name=f"{sender._meta.model_name}_one_active",
        )
        sender._meta.constraints = [*sender._meta.constraints, one_active]
    record_changes(sender)
