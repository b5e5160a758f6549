from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DrillConfig(AppConfig):
    name = "runs.drill"
    label = "drill"
    verbose_name = _("drill")
