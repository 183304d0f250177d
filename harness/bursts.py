"""What clients with sessions ask: bursts of operations that are issued at once, on few keys.

    cross    two writes of two keys, in either order         two clients can close a circle (T2)
    look     two reads, of what others write in bursts       a later write without the earlier one (T1)
    own      a write and a read of the same key              a session reads its own writes (T5)
    locks    two cas, in one order                           mixed owners (T3)
    mixed    two to six operations of the workload `kv`

The letters are the tests of docs/internals/mdl.md.
"""

from random import Random
from typing import Final

from harness.workload import KvWorkload
from node.wire.kv import Get, Operation

MEAN: Final = 3
"""Operations in a burst, about: a rate of operations is a rate of bursts, this many times slower."""


class Bursts:
    """Bursts for any number of clients, from one seed."""

    def __init__(self, workload: KvWorkload, random: Random) -> None:
        self._workload = workload
        self._random = random

    def next(self) -> list[Operation]:
        """The next burst, for whichever client is free."""
        workload, random = self._workload, self._random
        if len(workload.keys) == 1:
            return [workload.next() for _ in range(random.randint(2, 6))]
        first, second = random.sample(workload.keys, 2)
        match random.choice(("cross", "look", "own", "locks", "mixed")):
            case "cross":
                return [workload.put(first), workload.put(second)]
            case "look":
                return [Get(first), Get(second)]
            case "own":
                return [workload.put(first), Get(first), Get(second)]
            case "locks":
                return [workload.cas(min(first, second)), workload.cas(max(first, second))]
            case _:
                return [workload.next() for _ in range(random.randint(2, 6))]
