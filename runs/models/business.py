"""Businesses and their members."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ..numbers import parse_row_id
from ..time_zones import MAX_NAME_LENGTH, zone_choices, zone_named


class BusinessQuerySet(models.QuerySet["Business"]):
    def of(self, user: Any) -> Self:
        """The businesses that this user is a member of."""
        return self.with_member(user.pk) if user.is_authenticated else self.none()

    def with_member(self, user: Any) -> Self:
        """The businesses of the user with this id, which may be an expression."""
        return self.filter(memberships__user=user)

    def find(self, id_or_slug: str) -> Business | None:
        """By its id, or else by its slug, which may consist of digits."""
        pk = parse_row_id(id_or_slug)
        by_id = self.filter(pk=pk).first() if pk is not None else None
        return by_id or self.filter(slug=id_or_slug).first()


class Business(models.Model):
    name = models.CharField(_("name"), max_length=200)
    slug = models.SlugField(_("slug"), unique=True)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership", related_name="businesses")
    time_zone = models.CharField(
        _("time zone"),
        max_length=MAX_NAME_LENGTH,
        choices=zone_choices,
        blank=True,  # the installation's
        default="",
        db_default="",
        help_text=_("Its members see and enter times in it. Without one, the installation's is used."),
    )

    is_read_only: bool = False  # for this reader, who is no member of it

    objects = BusinessQuerySet.as_manager()

    class Meta:
        verbose_name = _("business")
        verbose_name_plural = _("businesses")
        ordering = ["name"]
        permissions = [
            ("reset_progress", "Can reset progress"),
            ("control_runs", "Can cancel, pause, resume and retry any business's runs"),
            ("view_any_business", "Can open any business's pages, to read only"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> tzinfo:
        """In which its members see times, and mean days."""
        return zone_named(self.time_zone)


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
