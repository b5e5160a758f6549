"""What the demo gives a business: a folder of spoken calls."""

from __future__ import annotations

from runs.models import Business

from .demo import FOLDERS
from .models import Source


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
