"""DEBUG or production, the secrets, and our hosts."""

from django.core.exceptions import ImproperlyConfigured

from progress_project.local import postgres
from progress_project.local.environment import BASE_DIR, demo_secret, env, state_dir

__all__ = [
    "ALLOWED_HOSTS",
    "BASE_DIR",
    "CSRF_TRUSTED_ORIGINS",
    "DEBUG",
    "SALT_KEY",
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "VAR_DIR",
]


VAR_DIR = state_dir()
DEBUG: bool = env.bool("DEBUG", default=postgres.is_needed() and not env.str("SECRET_KEY", default=""))


def secret(name: str) -> str:
    value: str = env.str(name, default="")
    if not value and not DEBUG:
        raise ImproperlyConfigured(f"Set {name}, or DEBUG=1 to try things out.")
    return value or demo_secret(name.lower())


SECRET_KEY = secret("SECRET_KEY")
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])
# Secrets of mailboxes are encrypted under SECRET_KEY and the first of these; the others still decrypt.
SALT_KEY: list[str] = secret("SALT_KEY").split(",")

if postgres.is_needed() and not DEBUG:
    raise ImproperlyConfigured("Set DATABASE_URL, or DEBUG=1 to try things out.")

ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if DEBUG else [])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
