"""Worlds of several shards, whose clients have many operations in flight."""

from typing import Final

from msgspec import structs

from harness.simulation.draws import MILLION, Draws, Stream
from harness.simulation.world import ALL_SHARDS, MS, OF_SHARDS, SECOND, Fault, Kind, Size, World

_PERCENT: Final = MILLION // 100

_SHARDS: Final = ((1, 10), (2, 50), (3, 40))
_REPLICAS: Final = ((3, 75), (1, 10), (5, 15))
_COORDINATIONS: Final = (("fast", 70), ("durable", 30))

_KINDS: Final = (
    *("Reigning", "Coordinate", "WhichStamps", "Stamped"),
    *("Coordinated", "Coordinated", "Coordinated"),
    *("Accept", "Accept", "Accepted"),
)
"""Of messages, one of which fares worse than the others in some worlds: mostly one between shards; and
when votes are slow, other shards go on before a decision is chosen."""

_OF_LEADERS: Final = frozenset(
    {
        Kind.CRASH_LEADER,
        Kind.HIDE_LEADER,
        Kind.CUT_LEADERS,
        Kind.STRAND_LEADER,
        Kind.SUSPEND_LEADER,
        Kind.USURP_LEADER,
        Kind.TURN_BACK,
    }
)

_CHANCE_OF_ALL: Final = 35
"""In percent: that what befalls a leader befalls those of all shards in the same instant."""


def with_shards(world: World, draws: Draws, size: Size) -> World:
    """`world`, before its faults are drawn, with shards."""
    draw = draws.stream("shards")
    drawn = draw.weighted(_SHARDS), draw.weighted(_REPLICAS), draw.weighted(_COORDINATIONS)
    shards = drawn[0] if size.shards is None else size.shards
    rates = structs.replace(
        world.rates, late_max=draw.choice((100 * MS, 300 * MS, SECOND, 3 * SECOND))
    )
    if draw.chance(MILLION // 2):
        rates = structs.replace(
            rates,
            kind=draw.choice(_KINDS),
            kind_loss=draw.choice((0, 10 * _PERCENT, 50 * _PERCENT)),
            kind_late=draw.choice((0, 20 * _PERCENT, 50 * _PERCENT)),
        )
    return structs.replace(
        world,
        shards=shards,
        replicas=drawn[1] if size.replicas is None else size.replicas,
        coordination=drawn[2] if size.coordination is None else size.coordination,
        coordination_ticks=draw.choice((20, 60, 200)),
        keys=shards * draw.choice((1, 2, 2)),
        zigzags=draw.choice((10, 40, 80)),
        window=draw.between(3, 6),
        patience=draw.choice((500 * MS, 2 * SECOND, 5 * SECOND)),
        padding=draw.choice((0, 300, 1000)),
        **_pace(world, draw, size),
        readers=min(world.readers, world.clients - 2),
        lease_ticks=0,
        reads_through_log=draw.chance(MILLION // 2),
        rates=rates,
        spares=0,
    )


def _pace(world: World, draw: Stream, size: Size) -> dict[str, int]:
    """How much clients ask, and how often: what leaders have in hand is lost with them."""
    if draw.chance(40 * _PERCENT) or size.operations is not None:
        # A client asks for two or three operations at once.
        return {"think_mean": world.think_mean * 5 // 2}
    operations = draw.between(150, 400)
    horizon = draw.between(1500 * MS, 3500 * MS)
    return {
        "operations": operations,
        "horizon": horizon,
        "think_mean": horizon * world.clients // (2 * operations),
    }


def chance_of_kind(draws: Draws, kind: Kind) -> int:
    """In percent: that a kind of fault occurs in a world.

    A session stalls when one shard does, so in most worlds there are few kinds; but a leader that is
    lost with what it has in hand is what all is about.
    """
    return 60 if kind in OF_SHARDS else draws.stream("kinds of faults").choice((5, 10, 30))


def aimed(fault: Fault, world: World, draw: Stream) -> Fault:
    """A fault that was drawn for one shard, at one of several or at all."""
    shard = draw.below(world.shards)
    first = shard * world.replicas
    if fault.kind in _OF_LEADERS:
        aimed_at = ALL_SHARDS if draw.chance(_CHANCE_OF_ALL * _PERCENT) else shard
        if fault.kind is Kind.HIDE_LEADER:
            waiting = draw.choice((0, 1, 2, 3, 5))
            return structs.replace(fault, shard=aimed_at, amount=draw.below(4), other=waiting)
        return structs.replace(fault, shard=aimed_at)
    match fault.kind:
        case Kind.CLIENT_CRASH:
            return fault
        case Kind.RING:
            return structs.replace(fault, shard=shard)
        case Kind.CUT_SHARDS:
            return structs.replace(fault, shard=shard, amount=draw.below(2))
        case Kind.CUT | Kind.CUT_BOTH:
            # Half of them inside a shard.
            other_shard = draw.choice((shard, draw.below(world.shards)))
            other = other_shard * world.replicas + fault.other
            return structs.replace(fault, target=first + fault.target, other=other)
        case _:
            return structs.replace(fault, target=first + fault.target)
