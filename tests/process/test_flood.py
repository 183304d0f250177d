"""A flood takes what the limits allow, and the replicas stay up and serve others."""

from pathlib import Path

import pytest

from benchmarks.flood import BOUND_MB, flood
from node.settings import MIB

pytestmark = [pytest.mark.process, pytest.mark.slow]


async def test_a_flood_cannot_make_a_replica_grow_without_bound(tmp_path: Path) -> None:
    outcome = await flood(tmp_path, 12.0, 3)
    assert max(outcome.grown_mb.values()) < BOUND_MB
    held = outcome.flood.sent_bytes + outcome.flood.asked_bytes
    assert held > BOUND_MB * MIB, "too little to prove anything"
    assert outcome.refused["DoesNotRead"] + outcome.refused["TooMuchHeld"] > 0
    assert outcome.flood.answers["TooLarge"] > 0
    assert outcome.flooded.ops_per_s > 0, "others are served"
