"""The ASGI entry point."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "progress_project.settings")
os.environ.setdefault("DATABASE_POOL", "true")  # or every thread would keep a connection of its own

django = get_asgi_application()  # before anything that needs the applications

from progress_project.raw_requests import guard_asgi  # noqa: E402
from runs.api.stream import add_streaming  # noqa: E402

application = guard_asgi(add_streaming(django))
