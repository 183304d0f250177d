"""The layer above the log: order over several shards, one scenario each."""

import pytest

from node.core.mdl import Coordination
from node.wire.kv import Put
from tests.support.shards import Shards


@pytest.mark.parametrize("coordination", list(Coordination))
def test_operations_of_a_session_are_executed_in_order(coordination: Coordination) -> None:
    shards = Shards(coordination=coordination, say=print)
    shards.elect_all()
    shards.open("a")
    for shard in (0, 1, 0, 0, 1):
        shards.issue("a", shard, Put("x", str(shard)))
    for seq in (5, 4, 3, 2, 1):
        shards.send("a", seq)
    shards.settle()
    shards.tick_all(5)
    assert [(shard, seq) for shard, _, seq, _ in shards.executed] == [
        (0, 1),
        (1, 2),
        (0, 3),
        (0, 4),
        (1, 5),
    ]
    assert shards.sessions["a"].answered == 5
