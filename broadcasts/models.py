"""Accounts of WhatsApp, the broadcasts sent by them, and what became of each recipient."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self, cast

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from encrypted_fields.fields import EncryptedTextField

from runs.models import Business, Run, RunItem
from runs.states import ItemStatus, Status

from .messages import Message, Text, rendered
from .meta_errors import NEVER, codes_by_retry, rule_of
from .providers import MetaCloud, Provider

_trackers = Signer(salt="broadcasts.recipient")


class ProviderAccount(models.Model):
    class Kind(models.TextChoices):
        META = "meta", _("WhatsApp Cloud API (Meta)")
        OUTBOX = "outbox", _("Outbox (keeps messages here, sends nothing)")

    business = models.ForeignKey(
        Business, verbose_name=_("business"), on_delete=models.CASCADE, related_name="whatsapp_accounts"
    )
    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(_("provider"), max_length=16, choices=Kind, default=Kind.META)
    phone_number_id = models.CharField(_("phone number id"), max_length=64, blank=True, default="")
    # Webhooks about templates and about the account name it alone; those about messages teach it.
    waba_id = models.CharField(
        _("WhatsApp Business Account id"), max_length=64, blank=True, default="", db_default="", db_index=True
    )
    token = EncryptedTextField(_("access token"), blank=True, null=True)
    app_secret = EncryptedTextField(_("app secret"), blank=True, null=True)
    verify_token = EncryptedTextField(_("webhook's verify token"), blank=True, null=True)
    country = models.CharField(_("country of numbers written without one"), max_length=2, default="IL")
    rate = models.FloatField(
        _("messages a second"), default=80, validators=[MinValueValidator(0.1), MaxValueValidator(1_000_000)]
    )
    # Of the outbox alone.
    delay = models.FloatField(_("seconds a message"), default=0.0, validators=[MinValueValidator(0)])
    failure_rate = models.FloatField(
        _("share that fails"), default=0.0, validators=[MinValueValidator(0), MaxValueValidator(1)]
    )

    class Meta:
        verbose_name = _("WhatsApp account")
        verbose_name_plural = _("WhatsApp accounts")
        ordering = ["name"]
        constraints = [
            # A webhook finds its account by it, and no business may claim another's number.
            models.UniqueConstraint(
                fields=["phone_number_id"], condition=~models.Q(phone_number_id=""), name="one_account_a_number"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def provider(self) -> Provider:
        """What sends its messages; to be used in a `with`."""
        if self.kind == self.Kind.OUTBOX:
            from .outbox import Outbox  # it keeps its messages in a model of this module

            return Outbox(self)
        return MetaCloud(
            url=settings.WHATSAPP_API_URL,
            phone_number_id=self.phone_number_id,
            token=self.token or "",
            connect_seconds=settings.WHATSAPP_CONNECT_SECONDS,
            answer_seconds=settings.WHATSAPP_ANSWER_SECONDS,
            at_once=settings.WHATSAPP_AT_ONCE,
        )


class Pace(models.Model):
    """When an account's next message may leave, by the database's clock. A narrow row: it is written all the time."""

    account = models.OneToOneField(ProviderAccount, on_delete=models.CASCADE, primary_key=True, related_name="pace")
    next_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("pace")

    def __str__(self) -> str:
        return f"{self.account_id}: {self.next_at}"


class WhatsAppUser(models.Model):
    """Somebody as Meta names them to one business, where it may not tell their number; and the number, once told.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
    """

    business = models.ForeignKey(Business, on_delete=models.CASCADE, related_name="+", db_index=False)
    user_id = models.CharField(max_length=150)
    wa_id = models.CharField(max_length=20, blank=True, default="")  # digits; blank: not told yet

    class Meta:
        verbose_name = _("WhatsApp user")
        constraints = [models.UniqueConstraint(fields=["business", "user_id"], name="whatsapp_user_once")]

    def __str__(self) -> str:
        return self.user_id


class OptOutQuerySet(models.QuerySet["OptOut"]):
    def in_force(self) -> Self:
        return self.filter(lifted_at=None)

    def of(self, user: Any) -> Self:
        """Those of the businesses that this user is a member of."""
        return self.filter(business__in=Business.objects.of(user))


class OptOut(models.Model):
    """Somebody who wants no broadcasts of this business, or wanted none until it was lifted.

    One row a person, which is never deleted: who stopped, when and how, and who took that back. See `opt_outs`.
    """

    class Source(models.TextChoices):
        WORDS = "words", _("Wrote so")
        PREFERENCES = "preferences", _("Stopped marketing in WhatsApp")
        REFUSED = "refused", _("WhatsApp refused a message: they have stopped")
        MEMBER = "member", _("Added by a member")

    BY_THE_PERSON: ClassVar = (Source.WORDS, Source.PREFERENCES, Source.REFUSED)

    business = models.ForeignKey(
        Business, verbose_name=_("business"), on_delete=models.CASCADE, related_name="opt_outs"
    )
    # One of them is blank: the id names those whose number Meta has never told (`whatsapp_users`).
    phone = models.CharField(_("phone"), max_length=20)
    user_id = models.CharField(
        _("WhatsApp's id"), max_length=150, blank=True, default="", db_default="", editable=False
    )
    source = models.CharField(
        _("how"), max_length=16, choices=Source, default=Source.MEMBER, db_default=Source.MEMBER, editable=False
    )
    words = models.CharField(_("in their words"), max_length=100, blank=True, default="")
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("added by"),
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
    )
    created_at = models.DateTimeField(_("since"), db_default=Now(), editable=False)
    # Of the person's last event, by Meta's clock; null where there was none. An older one that comes late says nothing.
    decided_at = models.DateTimeField(null=True, editable=False)
    lifted_at = models.DateTimeField(_("taken back"), null=True, editable=False)  # null: in force
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("taken back by"),
        on_delete=models.SET_NULL,
        null=True,  # also where the person took it back
        editable=False,
        related_name="+",
    )

    objects = OptOutQuerySet.as_manager()

    class Meta:
        verbose_name = _("opt-out")
        verbose_name_plural = _("opt-outs")
        # Without a condition: every message that begins looks a number up by it.
        constraints = [models.UniqueConstraint(fields=["business", "phone", "user_id"], name="opt_out_once_a_person")]
        # The list of a business, newest first.
        indexes = [models.Index(fields=["business", "-id"], name="opt_out_newest")]

    def __str__(self) -> str:
        return self.phone or self.user_id

    @property
    def is_by_the_person(self) -> bool:
        return self.source in self.BY_THE_PERSON


class AccountStanding(models.Model):
    """What Meta says an account may do: told by its API and by webhooks, each part with the time it is of."""

    class Quality(models.TextChoices):
        """https://developers.facebook.com/documentation/business-messaging/whatsapp/messaging-limits"""

        UNKNOWN = "UNKNOWN", _("Not rated yet")
        GREEN = "GREEN", _("High")
        YELLOW = "YELLOW", _("Medium")
        RED = "RED", _("Low")

    UNLIMITED: ClassVar = -1  # as Meta's webhooks say it

    account = models.OneToOneField(ProviderAccount, on_delete=models.CASCADE, primary_key=True, related_name="standing")
    display_number = models.CharField(max_length=40, blank=True, default="")  # digits
    quality = models.CharField(_("quality"), max_length=16, choices=Quality, default=Quality.UNKNOWN)
    quality_at = models.DateTimeField(null=True)
    # New recipients within 24 hours, for all numbers of the portfolio together.
    daily_limit = models.IntegerField(_("messages a day"), null=True)  # null: nobody has told
    daily_limit_at = models.DateTimeField(null=True)
    # [{"type": … or "" for none, "until": ISO time or "", "kind": of the event that told it, "at": its ISO time}]
    restrictions = models.JSONField(_("restrictions"), default=list)
    restrictions_at = models.DateTimeField(null=True)
    # https://developers.facebook.com/documentation/business-messaging/whatsapp/support/health-status
    can_send = models.CharField(max_length=16, blank=True, default="")  # AVAILABLE, LIMITED, BLOCKED; by the API alone
    can_send_reason = models.CharField(max_length=500, blank=True, default="")
    checked_at = models.DateTimeField(_("asked Meta"), null=True)
    problem = models.CharField(max_length=300, blank=True, default="")  # of the last asking

    class Meta:
        verbose_name = _("standing of a WhatsApp account")

    def __str__(self) -> str:
        return f"{self.account_id}: {self.quality}, {self.daily_limit}"


class WhatsAppBroadcast(Run):
    slug, queue, exclusive = "broadcast", "broadcasts", False
    public_fields = (
        "name",
        "account_id",
        "template",
        "language",
        "text",
        "audience",
        "sent",
        "delivered",
        "read",
        "failed",
        "skipped",
        "unknown",
        "cancelled",
    )

    account = models.ForeignKey(ProviderAccount, verbose_name=_("account"), on_delete=models.CASCADE)
    name = models.CharField(_("name"), max_length=200)
    template = models.CharField(_("template"), max_length=512, blank=True, default="")  # blank: free text
    language = models.CharField(_("language"), max_length=16, blank=True, default="")
    text = models.TextField(_("text"))  # a template's as its owner wrote it, with its {{variables}}
    columns = models.JSONField(_("variables"), default=list)  # of the audience, in its order
    audience = models.JSONField(_("audience"), default=dict)  # how many were valid, invalid, duplicate, …
    # Since when its template has been paused, without a message that was accepted since. Null: it isn't.
    paused_since = models.DateTimeField(null=True, editable=False)
    # Told by webhooks; who has read it has received it.
    delivered = models.PositiveIntegerField(_("delivered"), default=0)
    read = models.PositiveIntegerField(_("read"), default=0)

    class Meta(Run.Meta):
        verbose_name = _("WhatsApp broadcast")
        verbose_name_plural = _("WhatsApp broadcasts")

    def __str__(self) -> str:
        return self.name

    @property
    def sent(self) -> int:
        return self.succeeded

    @property
    def cancelled(self) -> int:
        """Recipients whom a cancelled broadcast has left out."""
        return (self.total or 0) - self.processed if self.status == Status.CANCELLED else 0

    def failed_items(self) -> models.QuerySet[RunItem]:
        """Who may be tried again now. Whom a retry has taken over already is not, nor who has opted out."""
        rows = self._untried(ItemStatus.FAILED).exclude_early()
        return cast("models.QuerySet[RunItem]", rows.exclude_opted_out(self.business_id).order_by("pk"))

    def unknown_items(self) -> models.QuerySet[RunItem]:
        """Who may have received the message; only a person may decide to send it again."""
        rows = self._untried(ItemStatus.UNKNOWN).exclude_opted_out(self.business_id)
        return cast("models.QuerySet[RunItem]", rows.order_by("pk"))

    def _untried(self, status: ItemStatus) -> RecipientQuerySet:
        return Recipient.objects.filter(run=self, status=status, retries=None)

    def retryable(self) -> Retryable:
        """How many of the failed may be tried again, and when."""
        rows = self._untried(ItemStatus.FAILED).exclude_opted_out(self.business_id)
        now = rows.exclude_early().count()
        waiting = rows.waiting()
        waits = [row.retry_after for row in waiting.filter(pk__in=waiting.earliest_of_each_code())]
        later = waiting.count()
        return Retryable(now, later, min(filter(None, waits), default=None), max(0, self.failed - now - later))

    def nothing_to_retry(self) -> str:
        retryable = self.retryable()
        if not retryable.later or retryable.next_at is None:
            return gettext("Nobody whose message failed may be tried again. Each row says why.")
        time = date_format(timezone.localtime(retryable.next_at), "SHORT_DATETIME_FORMAT")
        words = ngettext(
            "Nobody may be tried again now. %(count)d person may later, from: %(time)s",
            "Nobody may be tried again now. %(count)d people may later, the first from: %(time)s",
            retryable.later,
        )
        return words % {"count": retryable.later, "time": time}

    def retry_fields(self) -> dict[str, Any]:
        same = ("account", "name", "template", "language", "text", "columns")
        return {name: getattr(self, name) for name in same}

    def message_to(self, recipient: Recipient) -> Message:
        variables = Text(self.text).values(recipient.variables, self.columns)
        return Message(
            to=recipient.phone,
            text=rendered(self.text, recipient.variables, self.columns),
            template=self.template,
            language=self.language,
            parameters=tuple(variables.items()) if self.template else (),
            tracker=recipient.tracker,
        )


@dataclass(frozen=True)
class Retryable:
    """Of a broadcast's failed recipients."""

    now: int
    later: int
    next_at: datetime | None  # when the first of the later ones may be
    never: int  # by "retry failed", or tried again already


class RecipientQuerySet(models.QuerySet["Recipient"]):
    def exclude_early(self) -> Self:
        """Leave out who must never be tried again, and who not yet."""
        rows = self
        for wait, codes in codes_by_retry().items():
            early = models.Q(error_code__in=codes)
            rows = rows.exclude(early if wait is NEVER else early & ~self._waited(wait))
        return rows

    def waiting(self) -> Self:
        """Who may be tried again, but later."""
        conditions = models.Q(pk__in=[])
        for wait, codes in codes_by_retry().items():
            if wait is not NEVER:
                conditions |= models.Q(error_code__in=codes) & ~self._waited(wait)
        return self.filter(conditions)

    @staticmethod
    def _waited(wait: timedelta) -> models.Q:
        return models.Q(answered_at__lte=Now() - wait)

    def earliest_of_each_code(self) -> Self:
        return self.order_by("error_code", "answered_at").distinct("error_code").values("pk")  # type: ignore[return-value]

    def exclude_opted_out(self, business: int) -> Self:
        stopped = OptOut.objects.in_force().filter(business=business, phone=models.OuterRef("phone"))
        return self.filter(~models.Exists(stopped))

    def awaited(self) -> Self:
        """Accepted, and nothing was told of them since."""
        return self.filter(status=ItemStatus.DONE, delivery__in=Recipient.AWAITED)

    def unconfirmed(self) -> Self:
        """Nothing was told of them for longer than it should take."""
        return self.awaited().filter(self._unconfirmed())

    @staticmethod
    def _unconfirmed() -> models.Q:
        return models.Q(answered_at__lt=Now() - timedelta(hours=settings.WHATSAPP_UNCONFIRMED_HOURS))

    def count_awaited(self) -> dict[str, int]:
        """How many are held back by WhatsApp, and how many aren't confirmed."""
        counts = {"held": models.Q(delivery__in=Recipient.HELD_BACK), "unconfirmed": self._unconfirmed()}
        return self.awaited().aggregate(**{name: models.Count("pk", filter=each) for name, each in counts.items()})


class Recipient(RunItem):
    """Somebody in a broadcast's audience; the key is the number, and the line too where it is skipped."""

    public_fields = ("phone", "delivery", "message_id", "is_confirmed", "is_retryable", "retry_after", "advice")
    # In the statement that puts a message in flight: no stop that was committed before it comes too late.
    begins_if = """
        NOT EXISTS (
            SELECT 1 FROM broadcasts_optout stopped JOIN broadcasts_whatsappbroadcast run USING (business_id)
            WHERE run.id = item.run_id AND stopped.phone = item.phone AND stopped.lifted_at IS NULL
        )
    """

    class Delivery(models.TextChoices):
        """What the provider has told of the message. A later one never gives way to an earlier.

        https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/template-pacing
        """

        NONE = "", _("Nothing yet")
        # In the answer to the send: taken, and neither sent nor refused so far.
        ACCEPTED = "accepted", _("Accepted by WhatsApp")
        HELD = "held_for_quality_assessment", _("Held back by WhatsApp, which watches how the first ones are received")
        PAUSED = "paused", _("Held back by WhatsApp: the template is paused")
        # By webhooks.
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Not delivered")
        DELIVERED = "delivered", _("Delivered")  # after failed: somebody has it, whatever else was said
        READ = "read", _("Read")

    HELD_BACK: ClassVar = (Delivery.HELD, Delivery.PAUSED)
    AWAITED: ClassVar = (Delivery.NONE, Delivery.ACCEPTED, *HELD_BACK)

    # Every index is written twice a message: those of the constraints serve the foreign keys too.
    run = models.ForeignKey(WhatsAppBroadcast, on_delete=models.CASCADE, related_name="items", db_index=False)
    phone = models.CharField(_("phone"), max_length=40)
    variables = models.JSONField(_("variables"), default=dict, db_default={})
    message_id = models.CharField(_("message id"), max_length=200, blank=True, default="", db_default="")
    delivery = models.CharField(
        _("delivery"), max_length=32, choices=Delivery, blank=True, default=Delivery.NONE, db_default=""
    )
    # The number as WhatsApp writes it, where that differs: people answer under it (in Mexico, in Brazil).
    wa_id = models.CharField(max_length=20, blank=True, default="", db_default="", editable=False)
    # When the provider accepted the message or said that it failed, by the database's clock.
    answered_at = models.DateTimeField(_("answered"), null=True, editable=False)
    retry_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, editable=False, db_index=False, related_name="retries"
    )

    objects = RecipientQuerySet.as_manager()

    class Meta(RunItem.Meta):
        verbose_name = _("recipient")
        verbose_name_plural = _("recipients")
        constraints = [
            *RunItem.Meta.constraints,
            models.UniqueConstraint(
                fields=["retry_of"], condition=models.Q(retry_of__isnull=False), name="recipient_retried_once"
            ),
        ]
        indexes = [
            *RunItem.Meta.indexes,
            # A status webhook finds its recipient.
            models.Index(fields=["message_id"], condition=~models.Q(message_id=""), name="recipient_message"),
            # An opt-out under another number than was written to finds whose it is.
            models.Index(fields=["wa_id"], condition=~models.Q(wa_id=""), name="recipient_wa_id"),
            # An opt-out finds the messages that are still to be sent.
            models.Index(fields=["phone"], condition=models.Q(status=ItemStatus.PENDING), name="recipient_pending"),
        ]

    @property
    def tracker(self) -> str:
        """What the provider gives back with every status of the message."""
        return _trackers.sign(str(self.pk))

    @staticmethod
    def of_tracker(tracker: object) -> int | None:
        """The recipient's id; None for what isn't ours."""
        try:
            return int(_trackers.unsign(str(tracker)))
        except (BadSignature, ValueError):
            return None

    @property
    def state_label(self) -> str | Promise:
        """The furthest that is known."""
        if self.status != ItemStatus.DONE:
            return ItemStatus(self.status).label
        if self.is_confirmed is False:
            return _("Not confirmed")
        return self.Delivery(self.delivery or self.Delivery.ACCEPTED).label

    @property
    def is_confirmed(self) -> bool | None:
        """Has the provider said what became of an accepted message? None while it may still come."""
        if self.status != ItemStatus.DONE:
            return None
        if self.delivery not in self.AWAITED:
            return True
        patience = timedelta(hours=settings.WHATSAPP_UNCONFIRMED_HOURS)
        return False if self.answered_at and self.answered_at < timezone.now() - patience else None

    @property
    def advice(self) -> str:
        """What can be done about a failure, in the reader's language."""
        advice = rule_of(self.error_code).advice if self.status == ItemStatus.FAILED else ""
        return gettext(advice) if advice else ""

    @property
    def is_retryable(self) -> bool:
        """May "retry failed" send it again, at once or from `retry_after` on?"""
        return self.status == ItemStatus.FAILED and rule_of(self.error_code).retry is not NEVER

    @property
    def retry_after(self) -> datetime | None:
        """Not before this time; None where it may be at once, or never."""
        wait = rule_of(self.error_code).retry if self.is_retryable else None
        return self.answered_at + wait if wait and self.answered_at else None

    def retry_fields(self) -> dict[str, Any]:
        return {"key": self.phone, "phone": self.phone, "variables": self.variables, "retry_of": self}


class OutboxMessage(models.Model):
    """What the outbox provider was told to send."""

    account = models.ForeignKey(
        ProviderAccount, verbose_name=_("account"), on_delete=models.CASCADE, related_name="outbox"
    )
    message_id = models.CharField(_("message id"), max_length=64, unique=True)
    phone = models.CharField(_("phone"), max_length=40)
    template = models.CharField(_("template"), max_length=512, blank=True, default="")
    text = models.TextField(_("text"))
    tracker = models.CharField(max_length=200, editable=False)
    created_at = models.DateTimeField(_("sent"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("message in the outbox")
        verbose_name_plural = _("messages in the outbox")

    def __str__(self) -> str:
        return self.phone
