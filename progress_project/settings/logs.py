"""Logs: lines for people in development, one JSON object a line in production."""

import logging

import structlog

from progress_project.local.environment import env
from progress_project.settings.base import DEBUG

DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False  # it trusts any header; `runs.sign_in.address` logs the address
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG  # one line a request, at its end
# Deliberate 5xx answers, such as "not ready". An exception has an error line of its own.
DJANGO_STRUCTLOG_STATUS_5XX_LOG_LEVEL = logging.WARNING
# A lost process. A task that raises is logged as an error, with its traceback.
DJANGO_STRUCTLOG_CELERY_TASK_FAILURE_LOG_LEVEL = logging.WARNING

_LOG_CONTEXT: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# Without the local variables of tracebacks: a sign-in that fails half-way has the password in them.
_TRACEBACKS = structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False))
_LOG_RENDERERS: list[structlog.typing.Processor] = (
    [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    if DEBUG
    else [_TRACEBACKS, structlog.processors.JSONRenderer()]
)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structlog": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_LOG_RENDERERS],
            "foreign_pre_chain": [*_LOG_CONTEXT, structlog.stdlib.ExtraAdder()],
        },
    },
    "filters": {"outages": {"()": "progress_project.logs.OutageInOneLine"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "structlog"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        # Django's own handlers would print everything twice.
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        "fontTools": {"level": "WARNING"},  # logs every glyph
        "httpx": {"level": "WARNING"},  # logs every request, with the signatures in its URL
        "faster_whisper": {"level": "WARNING"},
        # django_structlog logs the same, with the context of the request or the run.
        "django.request": {"level": "CRITICAL"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.request": {"level": "CRITICAL"},
        "celery.worker.strategy": {"level": "WARNING"},
        "axes": {"level": "ERROR"},  # logs each sign-in, without the name
        "celery.beat": {"level": "WARNING", "filters": ["outages"]},  # logs each round
        "django_celery_beat.schedulers": {"filters": ["outages"]},
        "celery.worker.control": {"level": "ERROR"},  # warns that revoked tasks leave no result
        "django_structlog": {"level": "WARNING" if DEBUG else "INFO"},
    },
}

structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_LOG_CONTEXT,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
