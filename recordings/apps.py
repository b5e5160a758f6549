from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from . import stored_messages  # noqa: F401  every process knows them


class RecordingsConfig(AppConfig):
    name = "recordings"
    verbose_name = _("recordings")

    def ready(self) -> None:
        from runs.pages.registry import register_kind

        register_kind(
            "recordings", _("Recordings"), start_form="recordings.pages.start_form", results_query="?run={id}#calls"
        )
