"""Spoken calls that ship with the project, in the folders and under the names that an exchange gives them.

Said by synthetic voices; one call has a channel for each side. Among them are what such folders hold besides: a call
in which nobody speaks, an empty file, and one that is no recording.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

CALLS: Final = Path(__file__).parent
FOLDERS: Final = {"business-a": CALLS / "business-a", "business-b": CALLS / "business-b"}
