"""Phrases said where no Django is: marked here for translation, and translated by whoever shows them."""


def mark(phrase: str) -> str:
    """Import it as `_`, the name that collects messages. Django's own would read the settings."""
    return phrase
