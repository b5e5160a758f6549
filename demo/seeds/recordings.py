"""What the demo gives a business: a folder of spoken calls."""

from __future__ import annotations

from demo.calls import FOLDERS
from recordings.models import Source
from runs.models import Business


def seed(business: Business) -> None:
    """The folder follows the copy of the project that is run now."""
    folder = str(FOLDERS[business.slug])
    Source.objects.update_or_create(
        business=business,
        kind=Source.Kind.FOLDER,
        name="demo",
        defaults={"folder": folder},
        create_defaults={"folder": folder, "language": "en"},
    )
