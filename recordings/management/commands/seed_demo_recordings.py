"""`manage.py seed_demo_recordings`: a folder of spoken calls for each of the demo's businesses."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from recordings.demo import FOLDERS
from recordings.models import Source
from runs.models import Business


class Command(BaseCommand):
    help = "Give the demo's businesses a folder of call recordings each. Only with DEBUG."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError(_("The demo's recordings are given to businesses only with DEBUG=1."))
        for slug, folder in FOLDERS.items():
            for business in Business.objects.filter(slug=slug):
                Source.objects.update_or_create(
                    business=business,
                    kind=Source.Kind.FOLDER,
                    name=folder.name,
                    defaults={"folder": str(folder)},
                    create_defaults={"folder": str(folder), "language": "en"},
                )
