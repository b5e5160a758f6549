"""A mailbox of a business."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal, cast

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from encrypted_fields.fields import EncryptedTextField

from runs.exceptions import RunRejected
from runs.models import Business

from ..mailbox.account import Account
from ..mailbox.own_address import is_own_address


class Mailbox(models.Model):
    class Security(models.TextChoices):
        SSL = "ssl", _("TLS")
        STARTTLS = "starttls", _("STARTTLS")
        PLAIN = "plain", _("None (local servers only)")

    class Auth(models.TextChoices):
        PASSWORD = "password", _("Password or app password")
        XOAUTH2 = "xoauth2", _("OAuth 2 token")

    LOCATION_FIELDS = ("host", "port", "security", "username", "folder")

    business = models.ForeignKey(
        Business, verbose_name=_("business"), on_delete=models.CASCADE, related_name="mailboxes"
    )
    name = models.CharField(_("name"), max_length=200)
    host = models.CharField(_("server"), max_length=255, default="imap.gmail.com")
    port = models.PositiveIntegerField(_("port"), default=993)
    security = models.CharField(_("encryption"), max_length=16, choices=Security, default=Security.SSL)
    auth = models.CharField(_("sign-in"), max_length=16, choices=Auth, default=Auth.PASSWORD)
    username = models.CharField(_("user name"), max_length=255)
    secret = EncryptedTextField(_("password or token"))
    folder = models.CharField(_("folder"), max_length=255, default="INBOX")
    # Up to where a completed sync has read; UIDs mean nothing under another UIDVALIDITY. Null: never opened yet.
    uidvalidity = models.BigIntegerField(null=True, editable=False)
    last_uid = models.BigIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = _("mailbox")
        verbose_name_plural = _("mailboxes")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Reset how far it was read, and `has_been_opened`, when the mailbox points to another place."""
        if self.pk and not self._at_same_location().exists():
            self.uidvalidity, self.last_uid = None, 0
            if (fields := kwargs.get("update_fields")) is not None:
                kwargs["update_fields"] = {*fields, "uidvalidity", "last_uid"}
        super().save(*args, **kwargs)

    def _at_same_location(self) -> models.QuerySet[Mailbox]:
        """Its row, unless that has been pointed to another place meanwhile."""
        return Mailbox.objects.filter(pk=self.pk, **{name: getattr(self, name) for name in self.LOCATION_FIELDS})

    @property
    def location_digest(self) -> str:
        """Distinguishes the place that it points to from others, which may have the same UIDVALIDITY."""
        location = [getattr(self, name) for name in self.LOCATION_FIELDS]
        return hashlib.sha256(json.dumps(location).encode()).hexdigest()[:16]

    @property
    def has_been_opened(self) -> bool:
        """Whether a sync has opened it as it is configured now."""
        return self.uidvalidity is not None

    def mark_opened(self, uidvalidity: int) -> None:
        """Record that it was opened where this instance points to, and that no sync has completed yet."""
        self._at_same_location().filter(uidvalidity=None).update(uidvalidity=uidvalidity, last_uid=0)

    def clean(self) -> None:
        if self.sends_in_clear():
            raise ValidationError({"security": _("Without encryption, only a server on this machine can be read.")})

    def sends_in_clear(self) -> bool:
        """Whether the password would cross a network unencrypted."""
        return self.security == self.Security.PLAIN and not is_own_address(self.host)

    def build_imap_account(self) -> Account:
        """Raises `RunRejected` where the password would be sent in clear."""
        if self.sends_in_clear():
            raise RunRejected(
                gettext("%(host)s is another machine, and the mailbox is set to no encryption. Choose TLS or STARTTLS.")
                % {"host": self.host}
            )
        return Account(
            host=self.host,
            port=self.port,
            security=cast("Literal['ssl', 'starttls', 'plain']", self.security),
            username=self.username,
            secret=self.secret,
            auth=cast("Literal['password', 'xoauth2']", self.auth),
            folder=self.folder,
            timeout=settings.RECEIPTS_IMAP_TIMEOUT_SECONDS,
        )

    def mark_read(self, uidvalidity: int, uid: int) -> None:
        """Remember how far a completed sync has read where this instance points to.

        Never backwards under one UIDVALIDITY.
        """
        further = models.Q(uidvalidity=uidvalidity, last_uid__lt=uid)
        renumbered = ~models.Q(uidvalidity=uidvalidity) | models.Q(uidvalidity=None)
        self._at_same_location().filter(further | renumbered).update(uidvalidity=uidvalidity, last_uid=uid)
