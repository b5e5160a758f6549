"""What `manage.py seed_demo` adds to a business: a folder of spoken calls."""

from __future__ import annotations

from demo.calls import FOLDERS
from recordings.models import Source
from runs.models import Business


def seed(business: Business) -> None:
    """The folder is updated to that of this checkout."""
    folder = str(FOLDERS[business.slug])
    Source.objects.update_or_create(
        business=business,
        kind=Source.Kind.FOLDER,
        name="demo",
        defaults={"folder": folder},
        create_defaults={"folder": folder, "language": "en"},
    )
