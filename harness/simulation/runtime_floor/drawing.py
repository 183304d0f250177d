"""From a seed to a world for whole replicas: what the swarm draws, made milder and better aimed.

The swarm's rates are made for cores that exchange datagrams. Over TCP one lost packet holds up all
that is sent behind it, and with the rates as they are clients got to ask for a third of what they
want. So few crashes found a write under way that can be torn, and hardly one found a journal that
was being made: some crashes are aimed at those.
"""

from typing import Final

from msgspec import structs

from harness.simulation.disk import SECTOR_BYTES
from harness.simulation.draws import MILLION, Draws
from harness.simulation.swarm import draw_world as draw_for_cores
from harness.simulation.world import Kind, Size, World

MILDER: Final = 4
"""Packets are lost, and late, so many times less often."""

MILDER_YET: Final = 16
"""With several shards, since a session stalls when one of its connections does."""

_SHARDS: Final = ((1, 15), (2, 65), (3, 20))
_REPLICAS: Final = ((3, 85), (1, 8), (5, 7))
"""There are connections from each replica to each other, and of each client to each shard."""

_SHARED: Final = MILLION // 3
"""Of the worlds of several shards, those in which a machine has a replica of each."""

_BETWEEN_SHARDS: Final = frozenset({Kind.CUT_SHARDS, Kind.HIDE_LEADER})
"""They tell apart who is of the same shard. Where machines are shared nothing can: links join machines."""

_AT_FIRST: Final = MILLION // 2
"""Of the worlds with crashes, those in which one comes while a journal is made for the first time."""

_WHILE_LONG: Final = 2 * MILLION // 3
"""Of the crashes before an fsync, those that wait for a write that can be torn."""


def draw_world(seed: int, size: Size) -> World:
    """The world of a seed, for this floor."""
    is_sharded = size.protocol == "mdl"
    world = draw_for_cores(seed, _fewer(seed, size) if is_sharded else size)
    draws, rates = Draws(seed).stream("runtime floor"), world.rates
    faults = list(world.faults)
    crash = next((n for n, fault in enumerate(faults) if fault.kind is Kind.CRASH), None)
    if draws.chance(_AT_FIRST) and crash is not None:
        faults[crash] = structs.replace(
            faults[crash], at=draws.below(_SYNCS_OF_A_START * rates.sync_mean)
        )
    for place, fault in enumerate(faults):
        if fault.where == "before-sync" and draws.chance(_WHILE_LONG):
            faults[place] = structs.replace(fault, amount=SECTOR_BYTES + 1)
    milder = MILDER_YET if is_sharded else MILDER
    if is_sharded and world.shards > 1 and Draws(seed).stream("machines").chance(_SHARED):
        world = structs.replace(world, shared_machines=True)
        faults = [fault for fault in faults if fault.kind not in _BETWEEN_SHARDS]
    return structs.replace(
        world,
        rates=structs.replace(rates, loss=rates.loss // milder, late=rates.late // milder),
        faults=tuple(sorted(faults, key=lambda fault: (fault.at, fault.number))),
    )


def _fewer(seed: int, size: Size) -> Size:
    """Fewer shards and replicas than elsewhere, where nothing is said of them, and only what is played here."""
    draw = Draws(seed).stream("runtime floor", "shards")
    shards, replicas = draw.weighted(_SHARDS), draw.weighted(_REPLICAS)
    return structs.replace(
        size,
        shards=shards if size.shards is None else size.shards,
        replicas=replicas if size.replicas is None else size.replicas,
        loses_decisions=False,
    )


_SYNCS_OF_A_START: Final = 4
"""Of the directory, of the journal, and of its name."""
