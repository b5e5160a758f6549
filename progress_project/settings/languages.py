"""Languages and time."""

from django.utils.translation import gettext_lazy as _

from progress_project.local.environment import env
from progress_project.settings.base import BASE_DIR

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("he", _("Hebrew"))]
FORMAT_MODULE_PATH = "progress_project.formats"
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE: str = env.str("TIME_ZONE", default="UTC")
