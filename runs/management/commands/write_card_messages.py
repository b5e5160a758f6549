"""Write the card's messages, translated, into a static file for browsers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.translation import override

from runs.readers.labels import CARD_MESSAGES, translate_messages

CATALOGUE_PATH = Path(__file__).resolve().parents[2] / "static/runs/card-messages.js"


class Command(BaseCommand):
    help = "Write the run card's words in all languages to runs/static/runs/card-messages.js."

    def handle(self, *args: Any, **options: Any) -> None:
        CATALOGUE_PATH.write_text(render_catalogue(), encoding="utf-8")


def render_catalogue() -> str:
    catalogues = {}
    for code, _name in settings.LANGUAGES:
        with override(code):
            catalogues[code] = translate_messages(CARD_MESSAGES)
    return (
        "/** Made by `manage.py write_card_messages`: edit runs/readers/labels.py and locale/. */\n"
        f"export default {json.dumps(catalogues, ensure_ascii=False, indent=1)};\n"
    )
