"""The Django project: settings, URLs, processes, and what `make run` needs (`local`)."""

__version__ = "0.1.0"  # before the import: the settings name it

from progress_project.celery import app as celery_app

__all__ = ["__version__", "celery_app"]
