"""The ASGI entry point."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "progress_project.settings")
os.environ.setdefault("DATABASE_POOL", "true")  # every thread would else keep a connection of its own

application = get_asgi_application()
