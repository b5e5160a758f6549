"""Caches, each in the memory of its process."""

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    # Drawn pages of receipts, two megabytes each at most.
    "previews": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "previews",
        "TIMEOUT": 600,
        "OPTIONS": {"MAX_ENTRIES": 40},
    },
}
