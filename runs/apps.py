from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class RunsConfig(AppConfig):
    name = "runs"
    verbose_name = _("runs")

    def ready(self) -> None:
        from .models import storage
        from .sign_in import address, backend, sign_out  # noqa: F401  they connect receivers of signals

        post_migrate.connect(storage.leave_room_for_hot_updates)
