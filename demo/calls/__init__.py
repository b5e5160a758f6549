"""Spoken calls that ship with the project, in the folders and under the names that an exchange gives them.

Spoken by synthetic voices; one call has a channel for each side. The folders also contain a call without speech, an
empty file, and a file that is no recording.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

CALLS: Final = Path(__file__).parent
FOLDERS: Final = {"business-a": CALLS / "business-a", "business-b": CALLS / "business-b"}
