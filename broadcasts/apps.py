from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from . import stored_messages  # noqa: F401  every process knows them


class BroadcastsConfig(AppConfig):
    name = "broadcasts"
    verbose_name = _("broadcasts")

    def ready(self) -> None:
        from runs.pages.registry import register_kind

        register_kind(
            "broadcasts",
            _("Broadcasts"),
            start_form="broadcasts.pages.start_form",
            results_query="?run={id}&state=sent#recipients",
        )
