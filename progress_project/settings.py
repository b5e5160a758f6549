"""Settings, read once from the environment (see `.env.example`), failing loudly where one is missing.

With nothing configured at all this is the demo: DEBUG, an embedded PostgreSQL and a broker of files.
As soon as DATABASE_URL or SECRET_KEY is set it is production, and DEBUG must be asked for by name.
"""

import logging
import re
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import structlog
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from progress_project.local import broker, postgres
from progress_project.local.environment import BASE_DIR, demo_imap_port, demo_model, demo_secret, env, state_dir

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

# Applications

INSTALLED_APPS = [
    "unfold",  # before admin: it replaces its templates
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "pgtrigger",
    "pghistory",
    "rest_framework",
    "knox",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "django_celery_beat",
    "django_structlog",
    "corsheaders",
    "csp",
    "axes",
    "encrypted_fields",
    "runs",
    "runs.drill",
    "receipts",
    "broadcasts",
    "recordings",
]
if DEBUG:
    INSTALLED_APPS.append("demo")

MIDDLEWARE = [
    "runs.api.middleware.api_answers",  # outermost: no answer under /api/ escapes it
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "progress_project.request_guard.RequestGuard",  # before all that read the session, the query or a form
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "runs.api.middleware.asked_language",
    "runs.pages.errors.DatabaseAwayMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "progress_project.csp.PathCSPMiddleware",
    "axes.middleware.AxesMiddleware",  # last: it turns a lockout into its answer
]

ROOT_URLCONF = "progress_project.urls"
ASGI_APPLICATION = "progress_project.asgi.application"
WSGI_APPLICATION = "progress_project.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "progress_project.pages.kinds",
            ],
        },
    },
]

# Database

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url_config(env.str("DATABASE_URL", default="") or postgres.database_url())
}


def _connection_options() -> dict[str, Any]:
    options: dict[str, Any] = {"connect_timeout": 5, "application_name": "unstuck"}
    seconds = env.int("DATABASE_STATEMENT_TIMEOUT_SECONDS", default=30)
    if seconds:  # 0 sends nothing, as PgBouncer needs it
        options["options"] = f"-c statement_timeout={seconds}s -c idle_in_transaction_session_timeout={2 * seconds}s"
    if env.bool("DATABASE_PREPARED_STATEMENTS", default=True):
        options["prepare_threshold"] = 5  # psycopg's own; Django turns it off for the sake of PgBouncer
    return options


def _connection_lifetime() -> dict[str, Any]:
    """A pool where threads serve requests; a kept connection elsewhere: a pool doesn't survive a fork."""
    if not env.bool("DATABASE_POOL", default=False):
        return {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    size = env.int("DATABASE_POOL_SIZE", default=10)
    # Whether to wait longer is asked after each timeout: see the engine.
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": size, "timeout": 1}
    DATABASES["default"]["ENGINE"] = "progress_project.postgresql"
    return {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True}


DATABASES["default"].setdefault("OPTIONS", {}).update(_connection_options())
DATABASES["default"].update(_connection_lifetime())

# Celery: messages are only hints, the rows are the truth; so nothing is stored and nothing acknowledged late.

CELERY_BROKER_URL: str = env.str("CELERY_BROKER_URL", default="") or "filesystem://localhost/"
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 200
# kB, looked at between tasks. A process keeps its speech model: with too little room it would load it for each run.
CELERY_WORKER_MAX_MEMORY_PER_CHILD: int = env.int("WORKER_MAX_MEMORY_MB", default=1500) * 1000
# Seconds in which a child that has gone may still be found to have finished. Short: a run that did finish
# can't be taken back any more.
CELERY_WORKER_LOST_WAIT = 0.2
# The pool itself gives a task to an idle process only; a second count of the free ones would go wrong with each death.
CELERY_WORKER_POOL_PUTLOCKS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker waits for its broker as long as it takes
CELERY_BROKER_CONNECTION_TIMEOUT = 1
# A start answers while the broker is away: one more try, then the sweep publishes it again.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"

_BROKER_AWAY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}
if CELERY_BROKER_URL.startswith("filesystem"):
    CELERY_BROKER_TRANSPORT_OPTIONS = broker.transport_options(VAR_DIR / "broker")
elif CELERY_BROKER_URL.startswith("redis"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        **_BROKER_AWAY,
        "socket_connect_timeout": 1,
        "socket_timeout": 2,
        "socket_keepalive": True,
    }
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = _BROKER_AWAY

# Runs


def _seconds_or_none(name: str, default: int) -> int | None:
    """A number of seconds, or `none` for no limit."""
    return None if env.str(name, default="").lower() == "none" else int(env.int(name, default=default))


RUNS_STALE_AFTER_SECONDS: int = env.int("RUNS_STALE_AFTER_SECONDS", default=300)
RUNS_FLUSH_INTERVAL_SECONDS: float = env.float("RUNS_FLUSH_INTERVAL_SECONDS", default=1.0)
RUNS_MAX_SILENCE_SECONDS: int = env.int("RUNS_MAX_SILENCE_SECONDS", default=3600)
RUNS_SWEEP_INTERVAL_SECONDS: int = env.int("RUNS_SWEEP_INTERVAL_SECONDS", default=30)
# When a message that nobody has taken is sent again; the pause doubles from then on.
RUNS_REPUBLISH_AFTER_SECONDS: int = env.int("RUNS_REPUBLISH_AFTER_SECONDS", default=60)
# For how long anybody waits for the broker to take a message. What it doesn't take in time is sent again.
RUNS_BROKER_SECONDS: float = env.float("RUNS_BROKER_SECONDS", default=1.0)
RUNS_QUEUE_TIMEOUT_SECONDS = _seconds_or_none("RUNS_QUEUE_TIMEOUT_SECONDS", default=86_400)
# How long a run may keep a slot that others wait for.
RUNS_TIME_SLICE_SECONDS = _seconds_or_none("RUNS_TIME_SLICE_SECONDS", default=300)
RUNS_MAX_LOSSES: int = env.int("RUNS_MAX_LOSSES", default=3)
# For how long a worker that was asked to end waits for its items; it takes up to six more seconds to be gone.
RUNS_SHUTDOWN_SECONDS: float = env.float("RUNS_SHUTDOWN_SECONDS", default=3.0)
# For how long a worker waits for its database to come back, or to take writes again. Later its run is stale anyway.
RUNS_DATABASE_PATIENCE_SECONDS: int = env.int("RUNS_DATABASE_PATIENCE_SECONDS", default=RUNS_STALE_AFTER_SECONDS)

CELERY_BEAT_SCHEDULE = {
    "sweep": {
        "task": "runs.sweep",
        "schedule": timedelta(seconds=RUNS_SWEEP_INTERVAL_SECONDS),
        # Without `expires`: that compares the clocks of two machines. A late round is harmless, a dropped one isn't.
        "options": {"queue": "control"},
    },
}

# Receipts

MEBIBYTE = 1024 * 1024
RECEIPTS_MAX_MESSAGE_BYTES: int = env.int("RECEIPTS_MAX_MESSAGE_BYTES", default=50 * MEBIBYTE)
RECEIPTS_MAX_ATTACHMENT_BYTES: int = env.int("RECEIPTS_MAX_ATTACHMENT_BYTES", default=25 * MEBIBYTE)
# On the processor, for one message with all that is in it; half of it at most for its PDFs.
RECEIPTS_MESSAGE_SECONDS: int = env.int("RECEIPTS_MESSAGE_SECONDS", default=60)
RECEIPTS_PDF_SECONDS: int = env.int("RECEIPTS_PDF_SECONDS", default=5)
RECEIPTS_IMAP_TIMEOUT_SECONDS: int = env.int("RECEIPTS_IMAP_TIMEOUT_SECONDS", default=60)
# For how long a run waits for a mail server that is away, and for one that nobody has ever reached: that may be
# starting up beside us, but it may also be a wrong address.
RECEIPTS_UNREACHABLE_SECONDS: int = env.int("RECEIPTS_UNREACHABLE_SECONDS", default=3600)
RECEIPTS_FIRST_CONTACT_SECONDS: int = env.int("RECEIPTS_FIRST_CONTACT_SECONDS", default=60)

# Recordings

# Folders that exchanges fill; a source may be one of them or lie within one.
RECORDINGS_FOLDERS: list[str] = env.list(
    "RECORDINGS_FOLDERS", default=[str(BASE_DIR / "demo" / "calls")] if DEBUG else []
)
RECORDINGS_MAX_BYTES: int = env.int("RECORDINGS_MAX_BYTES", default=1024 * MEBIBYTE)
RECORDINGS_MAX_SECONDS: float = env.float("RECORDINGS_MAX_SECONDS", default=24 * 3600)  # of sound, in one recording
# Exchanges write in blocks, seconds apart: only a file that nobody has written to for so long is whole.
RECORDINGS_SETTLE_SECONDS: float = env.float("RECORDINGS_SETTLE_SECONDS", default=30)
RECORDINGS_AWAY_SECONDS: float = env.float("RECORDINGS_AWAY_SECONDS", default=3600)
RECORDINGS_TIMEOUT_SECONDS: float = env.float("RECORDINGS_TIMEOUT_SECONDS", default=30)
RECORDINGS_MAX_TRANSCRIPT = 250_000  # characters; PostgreSQL's search takes no more than a megabyte of words
# Only for tests and development: lets a provider be on this machine, without TLS.
RECORDINGS_ALLOW_PRIVATE_HOSTS: bool = env.bool("RECORDINGS_ALLOW_PRIVATE_HOSTS", default=False)
TWILIO_API_URL: str = env.str("TWILIO_API_URL", default="https://api.twilio.com")
# Where Twilio may redirect for media, without credentials; a dot stands for the whole domain.
TWILIO_MEDIA_HOSTS: list[str] = env.list("TWILIO_MEDIA_HOSTS", default=[".twilio.com", ".twiliocdn.com"])
WHISPER_MODEL: str = env.str("WHISPER_MODEL", default=demo_model() if DEBUG else "")
WHISPER_COMPUTE_TYPE: str = env.str("WHISPER_COMPUTE_TYPE", default="")  # int8 on a CPU, float16 on a GPU
WHISPER_THREADS: int = env.int("WHISPER_THREADS", default=0)  # 0: all cores, four at most

DEMO_IMAP_PORT = demo_imap_port()

# Broadcasts

WHATSAPP_API_URL: str = env.str("WHATSAPP_API_URL", default="https://graph.facebook.com")
WHATSAPP_CONNECT_SECONDS: float = env.float("WHATSAPP_CONNECT_SECONDS", default=10.0)
WHATSAPP_ANSWER_SECONDS: float = env.float("WHATSAPP_ANSWER_SECONDS", default=30.0)
# For how long a broadcast waits for WhatsApp while it is away.
WHATSAPP_UNREACHABLE_SECONDS: float = env.float("WHATSAPP_UNREACHABLE_SECONDS", default=3600)
# Messages side by side, as many as an account's rate needs; so many may be unknown after a crash.
WHATSAPP_AT_ONCE: int = env.int("WHATSAPP_AT_ONCE", default=32)
WHATSAPP_MAX_UPLOAD_BYTES: int = env.int("WHATSAPP_MAX_UPLOAD_BYTES", default=25 * MEBIBYTE)
WHATSAPP_MAX_RECIPIENTS: int = env.int("WHATSAPP_MAX_RECIPIENTS", default=200_000)
# How often a broadcast whose template is paused tries a message, and after how long it fails.
WHATSAPP_TEMPLATE_RETRY_SECONDS: int = env.int("WHATSAPP_TEMPLATE_RETRY_SECONDS", default=3600)
WHATSAPP_TEMPLATE_WAIT_HOURS: int = env.int("WHATSAPP_TEMPLATE_WAIT_HOURS", default=48)
# An accepted message of which nothing was told for so long counts as not confirmed.
WHATSAPP_UNCONFIRMED_HOURS: int = env.int("WHATSAPP_UNCONFIRMED_HOURS", default=24)
WHATSAPP_CHECK_SECONDS: int = env.int("WHATSAPP_CHECK_SECONDS", default=3600)  # how often Meta is asked of accounts
CELERY_BEAT_SCHEDULE["whatsapp_accounts"] = {
    "task": "broadcasts.check_accounts",
    "schedule": timedelta(seconds=WHATSAPP_CHECK_SECONDS),
    "options": {"queue": "broadcasts"},
}

# API


def _rate(name: str, default: str) -> str | None:
    """How often, such as 60/hour, or `none` for no limit."""
    rate: str = env.str(name, default=default).lower()
    if rate == "none":
        return None
    if not re.fullmatch(r"[1-9]\d{0,8}/(second|minute|hour|day)", rate):
        raise ImproperlyConfigured(f"{name} is {rate!r}. Set it like {default}, or to none.")
    return rate


REST_FRAMEWORK = {
    # Tokens first: the first class decides that an anonymous caller gets 401 and not 403.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "runs.api.requests.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["runs.api.requests.SmallJSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_standardized_errors.openapi.AutoSchema",
    "DEFAULT_THROTTLE_RATES": {
        "login": _rate("THROTTLE_LOGIN", "60/hour"),  # failed sign-ins, by address
        "preview": _rate("THROTTLE_PREVIEW", "60/minute"),  # of broadcasts, by user
    },
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "URL_FORMAT_OVERRIDE": None,  # `?format=csv` is ours
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
# Of one web process. A browser needs one for each business, whatever tabs it has open; the cards of others poll.
STREAMS_PER_USER: int = env.int("STREAMS_PER_USER", default=100)
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "runs.api.handler.ErrorHandler",
    "EXCEPTION_FORMATTER_CLASS": "runs.api.handler.ErrorFormatter",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}
REST_KNOX = {"AUTH_HEADER_PREFIX": "Bearer", "TOKEN_TTL": timedelta(days=30)}

_ERROR_ENUMS = "drf_standardized_errors.openapi_serializers"
SPECTACULAR_SETTINGS = {
    "TITLE": "Unstuck",
    "DESCRIPTION": "Long-running work whose progress bars cannot get stuck.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENFORCE_NON_BLANK_FIELDS": True,
    "ENUM_NAME_OVERRIDES": {
        "RunStatusEnum": "runs.states.Status.choices",
        "ItemStatusEnum": "runs.states.ItemStatus.choices",
        "ValidationErrorEnum": f"{_ERROR_ENUMS}.ValidationErrorEnum.choices",
        "ClientErrorEnum": f"{_ERROR_ENUMS}.ClientErrorEnum.choices",
        "ServerErrorEnum": f"{_ERROR_ENUMS}.ServerErrorEnum.choices",
        "ErrorCode401Enum": f"{_ERROR_ENUMS}.ErrorCode401Enum.choices",
        "ErrorCode403Enum": f"{_ERROR_ENUMS}.ErrorCode403Enum.choices",
        "ErrorCode404Enum": f"{_ERROR_ENUMS}.ErrorCode404Enum.choices",
        "ErrorCode405Enum": f"{_ERROR_ENUMS}.ErrorCode405Enum.choices",
        "ErrorCode406Enum": f"{_ERROR_ENUMS}.ErrorCode406Enum.choices",
        "ErrorCode415Enum": f"{_ERROR_ENUMS}.ErrorCode415Enum.choices",
        "ErrorCode429Enum": f"{_ERROR_ENUMS}.ErrorCode429Enum.choices",
        "ErrorCode500Enum": f"{_ERROR_ENUMS}.ErrorCode500Enum.choices",
    },
    "POSTPROCESSING_HOOKS": ["drf_standardized_errors.openapi_hooks.postprocess_schema_enums"],
}

# Accounts and sign-in

AUTHENTICATION_BACKENDS = [
    "runs.sign_in.backend.ThrottledSignIn",
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"

# A stranger's guesses lock out the stranger's address, not the member whose name was guessed.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_LOCKOUT_CALLABLE = "runs.pages.errors.locked_out"
AXES_CLIENT_IP_CALLABLE = "runs.sign_in.address.client_address"
AXES_USERNAME_CALLABLE = "progress_project.request_guard.tried_name"

# Transport and headers

BEHIND_TLS_PROXY: bool = env.bool("BEHIND_TLS_PROXY", default=False)
if BEHIND_TLS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# How many proxies of ours a request passes, each adding the address that it sees to X-Forwarded-For (0: it isn't
# read), and the networks from which they connect: a header that comes from elsewhere was written by a client.
PROXY_COUNT: int = env.int("PROXY_COUNT", default=1) if BEHIND_TLS_PROXY else 0
PRIVATE_NETWORKS = ["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1", "fc00::/7"]
TRUSTED_PROXIES = [str(ip_network(name)) for name in env.list("TRUSTED_PROXIES", default=PRIVATE_NETWORKS)]

HTTPS: bool = env.bool("HTTPS", default=not DEBUG)
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]  # probes speak plain HTTP
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
# Browsers share cookies between the ports of a host: two copies of the demo must not sign each other out.
if DEBUG:
    SESSION_COOKIE_NAME = f"sessionid_{env.str('PORT', default='8000')}"
    CSRF_COOKIE_NAME = f"csrftoken_{env.str('PORT', default='8000')}"
X_FRAME_OPTIONS = "DENY"

# Other sites whose pages may call the API, with a token; a session never crosses over.
CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = ("accept", "authorization", "content-type", "idempotency-key", "last-event-id")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}

# What a scraper of /metrics has to bear. Without one, /metrics answers private networks only.
METRICS_TOKEN: str = env.str("METRICS_TOKEN", default="")

# Languages and time

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("he", _("Hebrew"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
TIME_ZONE: str = env.str("TIME_ZONE", default="UTC")

# Files

STATIC_URL = "static/"
STATIC_ROOT = None if DEBUG else env.str("STATIC_ROOT", default=str(VAR_DIR / "static"))
STATICFILES_STORAGE_BACKEND = (
    "django.contrib.staticfiles.storage.StaticFilesStorage" if DEBUG else "progress_project.static.HashedFiles"
)
# Attachments are private: no URL serves this directory.
MEDIA_ROOT = env.str("MEDIA_ROOT", default=str(VAR_DIR / "media"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": STATICFILES_STORAGE_BACKEND},
}

# Logs: lines for people in development, one JSON object a line in production

DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False  # it believes any header; `runs.sign_in.address` logs the address
# Answers of 5xx that are meant, such as "not ready": an exception has an error line of its own.
DJANGO_STRUCTLOG_STATUS_5XX_LOG_LEVEL = logging.WARNING
# A lost process: a task that raises is told as an error, with its traceback.
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
        "fontTools": {"level": "WARNING"},  # tells of every glyph
        "httpx": {"level": "WARNING"},  # tells of every request, with the signatures in its address
        "faster_whisper": {"level": "WARNING"},
        # django_structlog says the same, with the context of the request or the run.
        "django.request": {"level": "CRITICAL"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.request": {"level": "CRITICAL"},
        "celery.worker.strategy": {"level": "WARNING"},
        "axes": {"level": "ERROR"},  # tells of each sign-in, without naming anybody
        "celery.beat": {"level": "WARNING", "filters": ["outages"]},  # tells of each round
        "django_celery_beat.schedulers": {"filters": ["outages"]},
        "celery.worker.control": {"level": "ERROR"},  # warns that tasks which are ended leave no result
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

# Staff admin

UNFOLD = {"SITE_TITLE": "Unstuck", "SITE_HEADER": "Unstuck"}
