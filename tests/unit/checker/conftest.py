"""What every test of the checker needs."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def nobody_elses_garbage() -> Iterator[None]:
    """What other tests left is not walked through in the middle of one that is timed.

    After some thousand tests one look through all of it takes half a second of processor time, at a
    moment that nobody chooses.
    """
    gc.freeze()
    yield
    gc.unfreeze()
