"""One recipient of a broadcast, and what became of the message."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from runs.models import RunItem
from runs.models.item_facts import Fact, drop_empty
from runs.states import ItemStatus

from ..meta_errors import NEVER, advice_for, codes_by_retry, rule_of
from .broadcast import WhatsAppBroadcast
from .opt_out import OptOut

_trackers = Signer(salt="broadcasts.recipient")


class RecipientQuerySet(models.QuerySet["Recipient"]):
    def exclude_not_due(self) -> Self:
        """Without recipients that must never be tried again, or not yet."""
        rows = self
        for wait, codes in codes_by_retry().items():
            failed = models.Q(error_code__in=codes)
            rows = rows.exclude(failed if wait is NEVER else failed & ~self._has_waited(wait))
        return rows

    def retryable_later(self) -> Self:
        """Recipients that may be tried again, but not yet."""
        conditions = models.Q(pk__in=[])
        for wait, codes in codes_by_retry().items():
            if wait is not NEVER:
                conditions |= models.Q(error_code__in=codes) & ~self._has_waited(wait)
        return self.filter(conditions)

    @staticmethod
    def _has_waited(wait: timedelta) -> models.Q:
        return models.Q(answered_at__lte=Now() - wait)

    def earliest_of_each_code(self) -> Self:
        return self.order_by("error_code", "answered_at").distinct("error_code").values("pk")  # type: ignore[return-value]

    def exclude_opted_out(self, business: int) -> Self:
        stopped = OptOut.objects.in_force().filter(business=business, phone=models.OuterRef("phone"))
        return self.filter(~models.Exists(stopped))

    def awaited(self) -> Self:
        """Accepted, and no webhook has reported an outcome yet."""
        return self.filter(status=ItemStatus.DONE, delivery__in=Recipient.AWAITED)

    def unconfirmed(self) -> Self:
        """Accepted, and not confirmed for longer than it should take."""
        return self.awaited().filter(self._is_overdue())

    @staticmethod
    def _is_overdue() -> models.Q:
        return models.Q(answered_at__lt=Now() - timedelta(hours=settings.WHATSAPP_UNCONFIRMED_HOURS))

    def count_awaited(self) -> dict[str, int]:
        """How many WhatsApp holds back, and how many aren't confirmed."""
        counts = {"held": models.Q(delivery__in=Recipient.HELD_BACK), "unconfirmed": self._is_overdue()}
        return self.awaited().aggregate(**{name: models.Count("pk", filter=each) for name, each in counts.items()})


class Recipient(RunItem):
    """One recipient; its key is the number, with the line where it is skipped."""

    public_fields = ("phone", "delivery", "message_id", "is_confirmed", "is_retryable", "retry_after", "advice")
    # Part of the statement that puts a message in flight, so that an opt-out committed before it is always respected.
    begins_if = """
        NOT EXISTS (
            SELECT 1 FROM broadcasts_optout stopped JOIN broadcasts_whatsappbroadcast run USING (business_id)
            WHERE run.id = item.run_id AND stopped.phone = item.phone AND stopped.lifted_at IS NULL
        )
    """

    class Delivery(models.TextChoices):
        """What the provider has reported about the message, in this order: webhooks move it forward only.

        https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/template-pacing
        """

        NONE = "", _("Nothing yet")
        # In the answer to the send: accepted, and neither sent nor refused so far.
        ACCEPTED = "accepted", _("Accepted by WhatsApp")
        HELD = "held_for_quality_assessment", _("Held back by WhatsApp, which watches how the first ones are received")
        PAUSED = "paused", _("Held back by WhatsApp: the template is paused")
        # By webhooks.
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Not delivered")
        DELIVERED = "delivered", _("Delivered")  # also after a failure that was reported first
        READ = "read", _("Read")

    HELD_BACK: ClassVar = (Delivery.HELD, Delivery.PAUSED)
    AWAITED: ClassVar = (Delivery.NONE, Delivery.ACCEPTED, *HELD_BACK)

    # Every index is written twice a message: those of the constraints serve the foreign keys too.
    run = models.ForeignKey(
        WhatsAppBroadcast,
        verbose_name=_("broadcast"),
        on_delete=models.CASCADE,
        related_name="items",
        db_index=False,
    )
    phone = models.CharField(_("phone"), max_length=40)
    variables = models.JSONField(_("variables"), default=dict, db_default={})
    message_id = models.CharField(_("message id"), max_length=200, blank=True, default="", db_default="")
    delivery = models.CharField(
        _("delivery"), max_length=32, choices=Delivery, blank=True, default=Delivery.NONE, db_default=""
    )
    # The number as WhatsApp writes it, where that differs: people answer from it (in Mexico, in Brazil).
    wa_id = models.CharField(max_length=20, blank=True, default="", db_default="", editable=False)
    # When the provider accepted the message or reported its failure, by the database's clock.
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
            # An opt-out from another number than the audience's finds its recipients.
            models.Index(fields=["wa_id"], condition=~models.Q(wa_id=""), name="recipient_wa_id"),
            # An opt-out finds its pending recipients.
            models.Index(fields=["phone"], condition=models.Q(status=ItemStatus.PENDING), name="recipient_pending"),
        ]

    @property
    def tracker(self) -> str:
        """A signed id that the provider returns with every status of the message."""
        return _trackers.sign(str(self.pk))

    @staticmethod
    def parse_tracker(tracker: object) -> int | None:
        """The recipient's id; None for a tracker that isn't ours."""
        try:
            return int(_trackers.unsign(str(tracker)))
        except (BadSignature, ValueError):
            return None

    @property
    def state_label(self) -> str | Promise:
        """The label of the furthest state that is known."""
        if self.status != ItemStatus.DONE:
            return ItemStatus(self.status).label
        if self.is_confirmed is False:
            return _("Not confirmed")
        return self.Delivery(self.delivery or self.Delivery.ACCEPTED).label

    @property
    def is_confirmed(self) -> bool | None:
        """Has the provider reported the outcome of an accepted message? None while it still may."""
        if self.status != ItemStatus.DONE:
            return None
        if self.delivery not in self.AWAITED:
            return True
        longest = timedelta(hours=settings.WHATSAPP_UNCONFIRMED_HOURS)
        return False if self.answered_at and self.answered_at < timezone.now() - longest else None

    @property
    def advice(self) -> str:
        """What can be done about a failure, in the reader's language."""
        return advice_for(self.error_code) if self.status == ItemStatus.FAILED else ""

    @property
    def is_retryable(self) -> bool:
        """May "retry failed" send it again, at once or from `retry_after` on?"""
        return self.status == ItemStatus.FAILED and rule_of(self.error_code).retry is not NEVER

    @property
    def retry_after(self) -> datetime | None:
        """When it may be tried again; None for at once, or never."""
        wait = rule_of(self.error_code).retry if self.is_retryable else None
        return self.answered_at + wait if wait and self.answered_at else None

    def facts(self) -> list[Fact]:
        reported = self.get_delivery_display() if self.delivery else ""
        return drop_empty(
            [
                Fact(_("WhatsApp reported"), reported),
                Fact(_("What to do"), self.advice),
                Fact(_("Can be retried from"), at=self.retry_after),
            ]
        )

    def retry_fields(self) -> dict[str, Any]:
        return {"key": self.phone, "phone": self.phone, "variables": self.variables, "retry_of": self}
