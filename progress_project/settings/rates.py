"""Rates such as 60/hour, as settings name them."""

import re

from django.core.exceptions import ImproperlyConfigured

from progress_project.local.environment import env


def read_rate(name: str, default: str) -> str | None:
    """A rate such as 60/hour, or `none` for no limit. Empty: the default."""
    return check_rate(name, env.str(name, default="") or default)


def read_rates(name: str) -> dict[str, str | None]:
    """Rates by name, such as `broadcast=10/hour,recording=none`."""
    return {key: check_rate(name, rate) for key, rate in env.dict(name, default={}).items()}


def check_rate(name: str, text: str) -> str | None:
    rate = text.lower()
    if rate == "none":
        return None
    if not re.fullmatch(r"[1-9]\d{0,8}/(second|minute|hour|day)", rate):
        raise ImproperlyConfigured(f"{name} is {rate!r}. Set it like 60/hour, or to none.")
    return rate
