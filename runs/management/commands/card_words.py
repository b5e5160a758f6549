"""Write the card's words for the browser: they are translated here and travel as a static file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.translation import override

from runs.readers.labels import CARD, as_text

CATALOGUE = Path(__file__).resolve().parents[2] / "static/runs/card-messages.js"


class Command(BaseCommand):
    help = "Write the run card's words in all languages to runs/static/runs/card-messages.js."

    def handle(self, *args: Any, **options: Any) -> None:
        CATALOGUE.write_text(catalogue(), encoding="utf-8")


def catalogue() -> str:
    words = {}
    for code, _name in settings.LANGUAGES:
        with override(code):
            words[code] = as_text(CARD)
    return (
        "/** Made by `manage.py card_words` (`make messages` calls it): edit runs/readers/labels.py and locale/. */\n"
        f"export default {json.dumps(words, ensure_ascii=False, indent=1)};\n"
    )
