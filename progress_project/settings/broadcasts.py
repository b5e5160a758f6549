"""Broadcasts: WhatsApp's API, its timeouts and limits."""

from progress_project.local.environment import env

WHATSAPP_API_URL: str = env.str("WHATSAPP_API_URL", default="https://graph.facebook.com")
WHATSAPP_CONNECT_SECONDS: float = env.float("WHATSAPP_CONNECT_SECONDS", default=10.0)
WHATSAPP_ANSWER_SECONDS: float = env.float("WHATSAPP_ANSWER_SECONDS", default=30.0)
# How long a broadcast waits while WhatsApp is away.
WHATSAPP_UNREACHABLE_SECONDS: float = env.float("WHATSAPP_UNREACHABLE_SECONDS", default=3600)
# The largest concurrency window. As many messages may be unknown after a crash.
WHATSAPP_AT_ONCE: int = env.int("WHATSAPP_AT_ONCE", default=32)
WHATSAPP_MAX_UPLOAD_BYTES: int = env.int("WHATSAPP_MAX_UPLOAD_BYTES", default=25 * 1024**2)
WHATSAPP_MAX_RECIPIENTS: int = env.int("WHATSAPP_MAX_RECIPIENTS", default=200_000)
# A broadcast whose template is paused: how often it tries a message, and after how long it fails.
WHATSAPP_TEMPLATE_RETRY_SECONDS: int = env.int("WHATSAPP_TEMPLATE_RETRY_SECONDS", default=3600)
WHATSAPP_TEMPLATE_WAIT_HOURS: int = env.int("WHATSAPP_TEMPLATE_WAIT_HOURS", default=48)
# An accepted message without a status for so long counts as not confirmed.
WHATSAPP_UNCONFIRMED_HOURS: int = env.int("WHATSAPP_UNCONFIRMED_HOURS", default=24)
WHATSAPP_CHECK_SECONDS: int = env.int("WHATSAPP_CHECK_SECONDS", default=3600)  # how often the accounts are checked
