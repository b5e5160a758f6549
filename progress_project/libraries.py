"""Applications of others, under headings that say what they are for."""

from axes.apps import AppConfig as AxesConfig
from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _
from django_celery_beat.apps import BeatConfig


class Tokens(AppConfig):
    name = "knox"
    verbose_name = _("API tokens")


class SignIns(AxesConfig):  # type: ignore[misc]  # untyped
    verbose_name = _("Sign-ins")


class Schedules(BeatConfig):  # type: ignore[misc]  # untyped
    verbose_name = _("Schedules")
