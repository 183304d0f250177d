"""Schedules drawn from seeds: whatever is lost, late or repeated, what was executed is one history."""

import pytest

from node.core.mdl import Coordination
from tests.support.shards_play import Play

_SEEDS = range(12)
_FAILED_ONCE = [1445]
"""1445: an operation was answered for that stood right behind one that nobody would remember."""


@pytest.mark.parametrize("coordination", list(Coordination))
@pytest.mark.parametrize("seed", [*_SEEDS, *_FAILED_ONCE])
def test_what_shards_execute_is_one_history(seed: int, coordination: Coordination) -> None:
    Play(seed, coordination).run()
