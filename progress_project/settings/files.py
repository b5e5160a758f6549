"""Static files and media."""

from progress_project.local.environment import env
from progress_project.settings.base import DEBUG, VAR_DIR

STATIC_URL = "static/"
STATIC_ROOT = None if DEBUG else env.str("STATIC_ROOT", default=str(VAR_DIR / "static"))
STATICFILES_STORAGE_BACKEND = (
    "django.contrib.staticfiles.storage.StaticFilesStorage" if DEBUG else "progress_project.static.HashedFiles"
)
# Attachments are private: no URL serves this directory.
MEDIA_ROOT = env.str("MEDIA_ROOT", default=str(VAR_DIR / "media"))
STORAGES = {
    # What has a file's name already was left by a crash, or is the same file, stored by another attempt.
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"allow_overwrite": True}},
    "staticfiles": {"BACKEND": STATICFILES_STORAGE_BACKEND},
}
