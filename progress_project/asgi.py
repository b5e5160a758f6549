"""The ASGI entry point: pages and API by Django's WSGI handler in threads, the stream on the event loop."""

import os

from django.core.wsgi import get_wsgi_application

from progress_project.threads import prepare_interpreter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "progress_project.settings")
os.environ.setdefault("DATABASE_POOL", "true")

django = get_wsgi_application()  # before anything that needs the applications

from django.conf import settings  # noqa: E402

from progress_project.pooled_wsgi import serve_in_pool  # noqa: E402
from progress_project.raw_requests import guard_asgi  # noqa: E402
from runs.api.stream import add_streaming  # noqa: E402

prepare_interpreter()
application = guard_asgi(add_streaming(serve_in_pool(django, settings.WEB_THREADS)))
