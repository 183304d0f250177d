"""From a seed to a world: swarm testing, where every run switches some faults off.

A world with every fault at once hides bugs behind each other: who is always crashing never fills a
pipeline. So each seed draws which kinds of faults there are, and how often (Groce et al., "Swarm
testing", ISSTA 2012).
"""

from typing import Final

from msgspec import structs

from harness.simulation.draws import MILLION, Draws, Stream
from harness.simulation.links import FIRST_CLIENT
from harness.simulation.sharding import aimed, chance_of_kind, with_shards
from harness.simulation.world import (
    CHANGES,
    MS,
    OF_SHARDS,
    SECOND,
    TICK,
    US,
    Fault,
    Kind,
    Rates,
    Size,
    World,
)
from node.failpoints import NAMES

_REPLICAS: Final = ((3, 35), (5, 40), (4, 15), (7, 10))
"""An even number splits evenly."""

_PERCENT: Final = MILLION // 100

_CHANCE_OF_KIND: Final = 45
"""In percent: that a kind of fault occurs in a world at all."""

_OFTEN: Final = {
    Kind.CRASH: 6,
    Kind.CRASH_AT_FAILPOINT: 8,
    Kind.ISOLATE: 4,
    Kind.CUT: 4,
    Kind.TRANSFER: 6,
    Kind.LOSE_DISK: 1,
    Kind.STRAND_LEADER: 6,
    Kind.TURN_BACK: 6,
    Kind.CRASH_LEADER: 6,
    Kind.HIDE_LEADER: 8,
    Kind.CUT_SHARDS: 4,
    Kind.LOSE_DECISIONS: 6,
}
"""At most so many of a kind in a world; of the others, `_SELDOM`."""

_SELDOM: Final = 3

_LEASE_TICKS: Final = (10, 20, 40)
"""Leases that are shorter end before anything can be chosen without their holder."""

_MET_AT_A_START: Final = frozenset({Kind.FLIP_BIT, Kind.FAIL_READ})
"""Damage that a replica which goes on running never notices. Half of the time it is made to restart."""

_RESTARTS: Final = 10_000
"""Added to the number of a fault: the number of the crash that comes with it."""

_CHANCE_OF_CHANGES: Final = 40
"""In percent: that the members of a world change at all."""

_CHANGES: Final = 20_000
"""The number of the first change."""

_KINDS: Final = ("Accept", "Accepted", "Prepare", "Promise", "Heartbeat", "Heard", "Learn")
"""Of messages, for worlds in which one of them fares worse than the others."""

_PLACES: Final = (*NAMES, *("before-sync",) * len(NAMES))
"""Half of the failpoints: when something is written and not yet safe, there is most to lose."""


def draw_world(seed: int, size: Size) -> World:
    """The world of a seed. What `size` fixes changes nothing else that is drawn."""
    draws = Draws(seed)
    shape = draws.stream("shape")
    drawn = shape.weighted(_REPLICAS)
    replicas = drawn if size.replicas is None else size.replicas
    clients, keys = shape.choice((2, 3, 4, 5, 6, 12)), shape.between(1, 4)
    operations = shape.between(40, 160)
    horizon = shape.between(SECOND, 4 * SECOND)
    # As long as nothing goes wrong the operations end about when the faults do.
    think_mean = horizon * clients * shape.between(40, 100) // (100 * operations)
    if size.operations is not None:
        horizon = horizon * max(size.operations, operations) // operations
        operations = size.operations
    reads = draws.stream("reads")
    reads_through_log, has_leases = reads.chance(15 * _PERCENT), reads.chance(40 * _PERCENT)
    lease_ticks = reads.choice(_LEASE_TICKS) if has_leases else 0
    readers = reads.choice((0, 1, clients // 2, clients // 2))
    restless = reads.choice((0, clients - readers, clients - readers, clients))
    snapshots = draws.stream("snapshots")
    changes = _changes(draws.stream("members"), horizon)
    world = World(
        seed=seed,
        protocol=size.protocol,
        replicas=replicas,
        clients=clients,
        operations=operations,
        keys=keys,
        padding=shape.choice((300, 1000, 3000, 3000)),
        think_mean=think_mean,
        patience=shape.choice((100 * MS, 500 * MS, 2 * SECOND)),
        election_ticks=shape.choice((4, 6, 10)),
        has_small_limits=shape.chance(MILLION // 2),
        rest=shape.choice(("frozen", "deaf", "mute")),
        reads_through_log=reads_through_log,
        restless=restless,
        readers=readers,
        horizon=horizon,
        snapshot_slots=snapshots.choice((0, 3, 8, 20, 60)),
        chunk_bytes=snapshots.choice((100, 1000, 10_000)),
        slots_kept=snapshots.choice((0, 0, 2, 10)),
        rates=_rates(draws.stream("rates")),
        spares=sum(change.kind is Kind.ADD_REPLICA for change in changes),
        mutant=size.mutant,
    )
    if lease_ticks and size.protocol != "mdl":
        # As long as they can be, and never far from being renewed: what they make possible happens
        # while they last, and only if clients ask more often than elsewhere.
        world = structs.replace(
            world, election_ticks=lease_ticks, heartbeat_ticks=3, lease_ticks=lease_ticks
        )
        if size.operations is None:
            world = structs.replace(
                world, operations=4 * operations, think_mean=world.think_mean // 4
            )
    if size.protocol == "mdl":
        world, changes = with_shards(world, draws, size), []
    return structs.replace(world, faults=_by_time(*_faults(draws, size, world), *changes))


def _rates(draw: Stream) -> Rates:
    def sometimes(value: int, chance: int = 50) -> int:
        return value if draw.chance(chance * _PERCENT) else 0

    return Rates(
        delay_min=draw.choice((20 * US, 200 * US, 2 * MS)),
        delay_mean=draw.choice((50 * US, 1 * MS, 8 * MS)),
        loss=sometimes(draw.choice((_PERCENT, 5 * _PERCENT, 15 * _PERCENT, 30 * _PERCENT))),
        duplicate=sometimes(draw.choice((_PERCENT, 5 * _PERCENT, 20 * _PERCENT))),
        late=sometimes(draw.choice((_PERCENT // 5, _PERCENT, 3 * _PERCENT, 10 * _PERCENT))),
        late_max=draw.choice((100 * MS, 300 * MS, SECOND, 3 * SECOND)),
        kind=draw.choice(_KINDS),
        kind_loss=sometimes(draw.choice((10 * _PERCENT, 40 * _PERCENT)), 30),
        kind_late=sometimes(draw.choice((10 * _PERCENT, 40 * _PERCENT)), 30),
        sync_mean=draw.choice((100 * US, 5 * MS, 30 * MS)),
        sync_stall=sometimes(_PERCENT, 30),
        tear=sometimes(draw.choice((50 * _PERCENT, 100 * _PERCENT)), 85),
        survive=sometimes(draw.choice((10 * _PERCENT, 50 * _PERCENT)), 40),
    )


def _changes(draw: Stream, horizon: int) -> list[Fault]:
    """What an operator does about the members, in some worlds."""
    if not draw.chance(_CHANCE_OF_CHANGES * _PERCENT):
        return []
    return [
        Fault(
            number=_CHANGES + count,
            kind=draw.choice(CHANGES),
            at=draw.below(horizon * 3 // 4),
            target=draw.below(12),
        )
        for count in range(draw.between(1, 4))
    ]


def _by_time(*faults: Fault) -> tuple[Fault, ...]:
    return tuple(sorted(faults, key=lambda fault: (fault.at, fault.number)))


def _faults(draws: Draws, size: Size, world: World) -> list[Fault]:
    faults: list[Fault] = []
    for place, kind in enumerate(Kind):
        if kind in CHANGES or (kind in OF_SHARDS and world.protocol != "mdl"):
            continue
        draw = draws.stream("faults", kind.value)
        is_sharded = world.protocol == "mdl"
        chance = chance_of_kind(draws, size, kind) if is_sharded else _CHANCE_OF_KIND
        if not draw.chance(chance * _PERCENT):
            continue
        for count in range(draw.between(1, _OFTEN.get(kind, _SELDOM))):
            fault = _fault(100 * place + count, kind, draw, world)
            if world.protocol == "mdl":
                fault = aimed(fault, world, draws.stream("aim", fault.number))
            faults.append(fault)
            if kind in _MET_AT_A_START and draw.chance(MILLION // 2):
                faults.append(_restart_after(fault))
    return faults


def _restart_after(fault: Fault) -> Fault:
    return structs.replace(
        fault,
        number=_RESTARTS + fault.number,
        kind=Kind.CRASH,
        at=fault.until,
        until=fault.until + 100 * MS,
    )


def _fault(number: int, kind: Kind, draw: Stream, world: World) -> Fault:
    replicas = world.replicas
    at = draw.below(world.horizon)
    target = 1 + draw.below(replicas)
    other = 1 + (target - 1 + draw.between(1, replicas - 1)) % replicas if replicas > 1 else target
    length = 10 * MS + draw.exponential(draw.choice((50 * MS, 300 * MS, SECOND)))
    timeout = world.election_ticks * TICK
    amount = 0
    where = draw.choice(_PLACES) if kind is Kind.CRASH_AT_FAILPOINT else ""
    if where == "at-opening" and draw.chance(MILLION // 2):
        at = 0  # the first time, when the disk is new
    match kind:
        case Kind.CLIENT_CRASH:
            target = FIRST_CLIENT + draw.below(world.clients)
        case Kind.SLOW:
            amount = draw.choice((1 * MS, 5 * MS, 20 * MS))
        case Kind.CLOCK_RATE:
            amount = draw.choice((500_000, 900_000, 1_100_000, 2_000_000))
            if world.lease_ticks:  # they promise nothing when clocks are off by more
                amount = min(max(amount, 900_000), 1_100_000)
        case Kind.CLOCK_STEP | Kind.CLOCK_STROBE:
            amount = draw.choice((-SECOND, -50 * MS, 50 * MS, SECOND))
        case Kind.CUT_LEADERS:
            # Two elections at least, each of a leader that has hardly begun.
            length, amount = (
                draw.between(300 * MS, 1500 * MS),
                draw.choice((10 * MS, 30 * MS, 100 * MS)),
            )
        case Kind.STRAND_LEADER | Kind.TURN_BACK:
            length = draw.between(1, 4) * timeout
        case Kind.USURP_LEADER:
            length = draw.between(1, 3) * timeout
            amount = draw.choice((5 * MS, 20 * MS, 50 * MS))
        case Kind.HIDE_LEADER:
            length = draw.between(1, 30) * timeout // 10
        case Kind.SUSPEND_LEADER:
            # Long enough for another one to be elected and to choose something.
            length = timeout * draw.between(15, 50) // 10
        case _:
            pass
    return Fault(
        number=number,
        kind=kind,
        at=at,
        target=target,
        until=at + length,
        other=other,
        amount=amount,
        where=where,
    )
