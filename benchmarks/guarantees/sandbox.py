"""Read as a user of the project does, and leave no trace."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction


@contextmanager
def rolled_back() -> Iterator[None]:
    """Roll back what the block writes, and drop what it logs."""
    disabled = logging.root.manager.disable
    logging.disable()
    try:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
    finally:
        logging.disable(disabled)
