"""Worlds of several shards, whose clients have many operations in flight."""

from typing import Final

from msgspec import structs

from harness.simulation.draws import MILLION, Draws, Stream
from harness.simulation.world import (
    ALL_SHARDS,
    MS,
    OF_SHARDS,
    SECOND,
    Fault,
    Kind,
    Manner,
    Size,
    World,
)

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
        Kind.LOSE_DECISIONS,
        Kind.CUT_LEADERS,
        Kind.STRAND_LEADER,
        Kind.SUSPEND_LEADER,
        Kind.USURP_LEADER,
        Kind.TURN_BACK,
    }
)

_MANNERS: Final = (
    (Manner(0), 25),
    (Manner.CRASH, 10),
    (Manner.AGAIN | Manner.CRASH, 35),
    (Manner.LATE | Manner.UNANSWERED, 5),
    (Manner.LATE | Manner.UNANSWERED | Manner.CRASH, 25),
)
"""How leaders lose decisions, and how often so."""

_MANNERS_ONE_BY_ONE: Final = (*_MANNERS, (Manner.HOLES, 40))
"""With one command a slot: otherwise what belongs together is lost together."""

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
    sharded = structs.replace(
        world,
        shards=shards,
        replicas=drawn[1] if size.replicas is None else size.replicas,
        coordination=drawn[2] if size.coordination is None else size.coordination,
        coordination_ticks=draw.choice((20, 60, 200)),
        keys=shards * draw.choice((1, 2, 2)),
        zigzags=draw.choice((40, 80, 80) if loses_decisions(draws, size) else (10, 40, 80)),
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
    is_calm = loses_decisions(draws, size) and draws.stream("calm").chance(75 * _PERCENT)
    return _calm(sharded) if is_calm else sharded


def _calm(world: World) -> World:
    """The same without what makes sessions stand still: then much is decided when a leader is lost."""
    rates = world.rates
    return structs.replace(
        world,
        readers=min(world.readers, 1),
        coordination_ticks=200,
        patience=5 * SECOND,
        rates=structs.replace(
            rates,
            delay_min=min(rates.delay_min, MS),
            delay_mean=min(rates.delay_mean, MS),
            loss=0,
            late=0,
            kind_loss=0,
            kind_late=0,
            sync_mean=min(rates.sync_mean, 2 * MS),
            sync_stall=0,
        ),
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


def loses_decisions(draws: Draws, size: Size) -> bool:
    """Whether this is a world in which leaders lose what they decided, and little else happens."""
    return size.loses_decisions and draws.stream("decisions").chance(MILLION // 2)


def chance_of_kind(draws: Draws, size: Size, kind: Kind) -> int:
    """In percent: that a kind of fault occurs in a world.

    A session stalls when one shard does, so in most worlds there are few kinds; but a leader that is
    lost with what it has in hand is what all is about.
    """
    others = draws.stream("kinds of faults").choice((5, 10, 30))
    if kind is Kind.LOSE_DECISIONS:
        return 100 if loses_decisions(draws, size) else 0
    if loses_decisions(draws, size):
        return 10 if kind in OF_SHARDS else min(others, 10)
    return 60 if kind in OF_SHARDS else others


def aimed(fault: Fault, world: World, draw: Stream) -> Fault:
    """A fault that was drawn for one shard, at one of several or at all."""
    shard = draw.below(world.shards)
    first = shard * world.replicas
    if fault.kind in _OF_LEADERS:
        aimed_at = ALL_SHARDS if draw.chance(_CHANCE_OF_ALL * _PERCENT) else shard
        if fault.kind is Kind.LOSE_DECISIONS:
            # Who is told must not be lost in the same instant, mostly.
            aimed_at = draw.weighted(((shard, 85), (ALL_SHARDS, 15)))
        if fault.kind is Kind.HIDE_LEADER:
            waiting = draw.choice((0, 1, 2, 3, 5))
            return structs.replace(fault, shard=aimed_at, amount=draw.below(3), other=waiting)
        if fault.kind is Kind.LOSE_DECISIONS:
            manners = _MANNERS_ONE_BY_ONE if world.has_small_limits else _MANNERS
            return structs.replace(
                fault,
                shard=aimed_at,
                amount=draw.weighted(manners).value,
                other=draw.choice((1, 1, 2, 3)),
                until=fault.at + draw.between(20 * MS, 150 * MS),
            )
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
