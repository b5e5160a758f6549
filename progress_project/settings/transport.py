"""TLS, proxies, cookies, and the headers that tell browsers what to allow."""

from ipaddress import ip_network

from csp.constants import NONE, SELF

from progress_project.local.environment import env
from progress_project.settings.base import DEBUG

BEHIND_TLS_PROXY: bool = env.bool("BEHIND_TLS_PROXY", default=False)
if BEHIND_TLS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# How many of our proxies a request passes, each appending the address that it sees to X-Forwarded-For (0: the header
# isn't read), and the networks from which they connect: from elsewhere the header was written by a client.
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

# Of a body, uploaded files apart. Meta's webhooks have up to 3 MB, and one that is refused comes again until it is
# lost: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024**2

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

# The bearer token of /metrics. Without one, /metrics answers private networks only.
METRICS_TOKEN: str = env.str("METRICS_TOKEN", default="")
