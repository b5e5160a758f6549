"""Messages of code that runs without Django: marked here for translation, and translated where they are shown."""


def mark_phrase(phrase: str) -> str:
    """Import it as `_`, the name that collects messages. Django's own would read the settings."""
    return phrase
