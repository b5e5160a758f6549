"""What the tests of the pages share: their runs are of receipts, whose page shows its runs' cards."""

import pytest

from tests.cast import MakeRun


@pytest.fixture
def make_run(make_sync_run: MakeRun) -> MakeRun:
    return make_sync_run
