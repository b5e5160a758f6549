"""Accounts of WhatsApp, the broadcasts sent by them, and what became of each recipient."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from encrypted_fields.fields import EncryptedTextField

from runs.models import Business, Run, RunItem
from runs.states import ItemStatus, Status

from .messages import Message, Text, rendered
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


class OptOut(models.Model):
    """Somebody who wants no broadcasts of this business."""

    business = models.ForeignKey(
        Business, verbose_name=_("business"), on_delete=models.CASCADE, related_name="opt_outs"
    )
    phone = models.CharField(_("phone"), max_length=20)
    words = models.CharField(_("in their words"), max_length=100, blank=True, default="")
    created_at = models.DateTimeField(_("since"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("opt-out")
        verbose_name_plural = _("opt-outs")
        constraints = [models.UniqueConstraint(fields=["business", "phone"], name="opt_out_once")]

    def __str__(self) -> str:
        return self.phone


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
        """Whom a retry has taken over already is not tried again."""
        return self._untried(ItemStatus.FAILED)

    def unknown_items(self) -> models.QuerySet[RunItem]:
        """Who may have received the message; only a person may decide to send it again."""
        return self._untried(ItemStatus.UNKNOWN)

    def _untried(self, status: ItemStatus) -> models.QuerySet[RunItem]:
        rows = Recipient.objects.filter(run=self, status=status, retries=None).order_by("pk")
        return cast("models.QuerySet[RunItem]", rows)

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


class Recipient(RunItem):
    """Somebody in a broadcast's audience; the key is the number, and the line too where it is skipped."""

    public_fields = ("phone", "delivery", "message_id")

    class Delivery(models.TextChoices):
        """What the provider has told since it took the message. A later one never gives way to an earlier."""

        NONE = "", _("Nothing yet")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Not delivered")
        DELIVERED = "delivered", _("Delivered")  # after failed: somebody has it, whatever else was said
        READ = "read", _("Read")

    # Every index is written twice a message: those of the constraints serve the foreign keys too.
    run = models.ForeignKey(WhatsAppBroadcast, on_delete=models.CASCADE, related_name="items", db_index=False)
    phone = models.CharField(_("phone"), max_length=40)
    variables = models.JSONField(_("variables"), default=dict, db_default={})
    message_id = models.CharField(_("message id"), max_length=200, blank=True, default="", db_default="")
    delivery = models.CharField(
        _("delivery"), max_length=16, choices=Delivery, blank=True, default=Delivery.NONE, db_default=""
    )
    retry_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, editable=False, db_index=False, related_name="retries"
    )

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
        if self.status == ItemStatus.DONE:
            return self.Delivery(self.delivery or self.Delivery.SENT).label
        return ItemStatus(self.status).label

    @property
    def explanation(self) -> str:
        """Our own words in the reader's language, the provider's as they came."""
        return gettext(self.error_message) if self.error_message else self.error_code

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
