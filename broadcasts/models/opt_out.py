"""People who want no more messages."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from runs.models import Business


class WhatsAppUser(models.Model):
    """A person by Meta's id for them in one business, and their number once Meta has named it.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
    """

    business = models.ForeignKey(Business, on_delete=models.CASCADE, related_name="+", db_index=False)
    user_id = models.CharField(max_length=150)
    wa_id = models.CharField(max_length=20, blank=True, default="")  # digits; blank: not known yet

    class Meta:
        verbose_name = _("WhatsApp user")
        constraints = [models.UniqueConstraint(fields=["business", "user_id"], name="whatsapp_user_once")]

    def __str__(self) -> str:
        return self.user_id


class OptOutQuerySet(models.QuerySet["OptOut"]):
    def in_force(self) -> Self:
        return self.filter(lifted_at=None)

    def of(self, user: Any) -> Self:
        """Opt-outs of the businesses that this user is a member of."""
        return self.filter(business__in=Business.objects.of(user))


class OptOut(models.Model):
    """One person who wants no broadcasts of this business, or wanted none until the opt-out was lifted.

    Rows are never deleted: they record who opted out, when and how, and who lifted it. See `opt_outs`.
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
    # One of the two is blank: the id is for people whose number isn't known (`whatsapp_users`).
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
    # The person's last event, by Meta's clock; null without one. Older events that come late are ignored.
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
        # Without a condition: the statement that puts messages in flight finds every number by it.
        constraints = [models.UniqueConstraint(fields=["business", "phone", "user_id"], name="opt_out_once_a_person")]
        # The list of a business, newest first.
        indexes = [models.Index(fields=["business", "-id"], name="opt_out_newest")]

    def __str__(self) -> str:
        return self.phone or self.user_id

    @property
    def is_by_the_person(self) -> bool:
        return self.source in self.BY_THE_PERSON
