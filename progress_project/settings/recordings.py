"""Recordings: exchanges' folders, Twilio, and the speech model."""

from progress_project.local.environment import demo_model, env
from progress_project.settings.base import BASE_DIR, DEBUG

# Folders that exchanges fill; a source's folder must be one of them or within one.
RECORDINGS_FOLDERS: list[str] = env.list(
    "RECORDINGS_FOLDERS", default=[str(BASE_DIR / "demo" / "calls")] if DEBUG else []
)
RECORDINGS_MAX_BYTES: int = env.int("RECORDINGS_MAX_BYTES", default=1024**3)
RECORDINGS_MAX_SECONDS: float = env.float("RECORDINGS_MAX_SECONDS", default=24 * 3600)  # of sound, in one recording
# Exchanges write in blocks, seconds apart: a file without a write for so long is complete.
RECORDINGS_SETTLE_SECONDS: float = env.float("RECORDINGS_SETTLE_SECONDS", default=30)
RECORDINGS_AWAY_SECONDS: float = env.float("RECORDINGS_AWAY_SECONDS", default=3600)
RECORDINGS_TIMEOUT_SECONDS: float = env.float("RECORDINGS_TIMEOUT_SECONDS", default=30)
RECORDINGS_MAX_TRANSCRIPT = 250_000  # characters; PostgreSQL's search takes no more than a megabyte of words
# Only for tests and development: allows a provider on this machine, without TLS.
RECORDINGS_ALLOW_PRIVATE_HOSTS: bool = env.bool("RECORDINGS_ALLOW_PRIVATE_HOSTS", default=False)
TWILIO_API_URL: str = env.str("TWILIO_API_URL", default="https://api.twilio.com")
# Hosts to which Twilio may redirect for media, without credentials; with a leading dot, the whole domain.
TWILIO_MEDIA_HOSTS: list[str] = env.list("TWILIO_MEDIA_HOSTS", default=[".twilio.com", ".twiliocdn.com"])
WHISPER_MODEL: str = env.str("WHISPER_MODEL", default=demo_model() if DEBUG else "")
WHISPER_COMPUTE_TYPE: str = env.str("WHISPER_COMPUTE_TYPE", default="")  # int8 on a CPU, float16 on a GPU
WHISPER_THREADS: int = env.int("WHISPER_THREADS", default=0)  # 0: all cores, four at most
