"""Which applications are installed, and what surrounds every request and page."""

from progress_project.settings.base import BASE_DIR, DEBUG

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
    "progress_project.libraries.Tokens",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "progress_project.libraries.Schedules",
    "django_structlog",
    "corsheaders",
    "csp",
    "progress_project.libraries.SignIns",
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
    "runs.api.middleware.api_response_middleware",  # outermost: it covers every answer under /api/
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "progress_project.request_log.RequestLog",
    "progress_project.request_guard.RequestGuard",  # before all that read the session, the query or a form
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "runs.api.middleware.language_parameter_middleware",
    "runs.pages.errors.DatabaseAwayMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "progress_project.csp.PathCSPMiddleware",
    "axes.middleware.AxesMiddleware",  # last: it answers a lockout
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
