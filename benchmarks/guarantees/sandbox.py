"""To look as a user of the project does, and leave no trace."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction


@contextmanager
def undone() -> Iterator[None]:
    """What the block writes is rolled back, and what it logs isn't heard: none of it happened."""
    disabled = logging.root.manager.disable
    logging.disable()
    try:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
    finally:
        logging.disable(disabled)
