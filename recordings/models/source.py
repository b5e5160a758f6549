"""A source of call recordings: a folder or a Twilio account."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from encrypted_fields.fields import EncryptedTextField

from runs.models import Business

from ..sources import Account, FolderAccount, TwilioAccount
from ..transcription.languages import LANGUAGE_CODES
from ..transcription.speakers import AgentChannel, speakers_by_channel


class Source(models.Model):
    class Kind(models.TextChoices):
        FOLDER = "folder", _("Folder (Asterisk, FreePBX)")
        TWILIO = "twilio", _("Twilio")

    business = models.ForeignKey(
        Business, verbose_name=_("business"), on_delete=models.CASCADE, related_name="recording_sources"
    )
    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind, default=Kind.TWILIO)
    folder = models.CharField(_("folder"), max_length=500, blank=True, default="")
    account_sid = models.CharField(_("account SID"), max_length=64, blank=True, default="")
    secret = EncryptedTextField(_("auth token"), blank=True, null=True)  # the field stores empty text as null
    language = models.CharField(
        _("language"),
        max_length=8,
        blank=True,
        default="",
        help_text=_("Of the calls, like “he” or “en”. Leave empty to have it detected call by call."),
    )
    agent_channel = models.CharField(
        _("the agent's channel"),
        max_length=8,
        choices=AgentChannel,
        blank=True,
        default="",
        db_default="",
        help_text=_(
            "Of stereo recordings. Leave empty for the usual one: an exchange has whoever dialled on the left, Twilio"
            " the agent on the right. It counts for calls that are transcribed from now on."
        ),
    )

    class Meta:
        verbose_name = _("recording source")
        verbose_name_plural = _("recording sources")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        required = ["folder"] if self.kind == self.Kind.FOLDER else ["account_sid"]
        missing = [name for name in required if not getattr(self, name)]
        errors = dict.fromkeys(missing, _("This kind of source needs it."))
        if self.language and self.language not in LANGUAGE_CODES:
            errors["language"] = _("No language has this code. Use one like “he” or “en”, or leave it empty.")
        if errors:
            raise ValidationError(errors)

    def account(self) -> Account:
        if self.kind == self.Kind.FOLDER:
            return FolderAccount(self.folder)
        return TwilioAccount(self.account_sid, self.secret or "")

    def speakers_by_channel(self, channels: int, direction: str) -> tuple[str, ...]:
        """The speaker of each channel of a call's recording."""
        return speakers_by_channel(
            channels,
            agent_channel=self.agent_channel,
            initiator_is_left=self.kind == self.Kind.FOLDER,
            direction=direction,
        )
