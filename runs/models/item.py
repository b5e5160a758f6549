"""One piece of a run."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..states import ItemStatus
from ..stored_text import translate_stored
from .item_facts import Fact, facts_of_columns


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
        """Why it failed or was skipped, in the reader's language."""
        return translate_stored(self.error_message) or self.error_code

    def headline(self) -> str:
        """Its title for people: the first of its public fields that isn't empty."""
        return next((str(value) for name in self.public_fields if (value := getattr(self, name))), self.key)

    def facts(self) -> list[Fact]:
        """What lists show of it besides, labelled, in the reader's language."""
        return facts_of_columns(self)

    def retry_fields(self) -> dict[str, Any]:
        """The fields of its pending copy in a run that retries the failed items."""
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
