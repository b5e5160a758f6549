from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from . import stored_messages  # noqa: F401  every process knows them


class ReceiptsConfig(AppConfig):
    name = "receipts"
    verbose_name = _("receipts")

    def ready(self) -> None:
        from runs.pages.registry import register_kind

        register_kind(
            "receipts", _("Receipts"), start_form="receipts.pages.start_form", results_query="?run={id}#receipts"
        )
