"""The WSGI entry point."""

import os

from django.core.wsgi import get_wsgi_application

from progress_project.threads import prepare_interpreter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "progress_project.settings")
os.environ.setdefault("DATABASE_POOL", "true")

django = get_wsgi_application()  # before anything that needs the applications

from progress_project.raw_requests import guard_wsgi  # noqa: E402

prepare_interpreter()
application = guard_wsgi(django)
