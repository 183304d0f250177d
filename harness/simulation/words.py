"""A world, a failure and a moment in words, for somebody who wants to know what it took."""

from typing import Final

from harness.simulation.likely import Moment
from harness.simulation.outcome import Failure
from harness.simulation.world import ALL_SHARDS, Fault, Kind, Rates, World

_SENTENCES: Final = {
    Kind.CRASH: "replica {target} crashes, and restarts at {until}",
    Kind.CRASH_AT_FAILPOINT: (
        "from here on replica {target} crashes when it passes {where}, and restarts {length} later"
    ),
    Kind.PAUSE: "replica {target} stands still until {until}",
    Kind.SLOW: "replica {target} takes {amount} more for each event, until {until}",
    Kind.CUT: "nothing passes from replica {target} to {other} until {until}",
    Kind.CUT_BOTH: "nothing passes between replicas {target} and {other} until {until}",
    Kind.ISOLATE: "replica {target} is cut off from everybody until {until}",
    Kind.RING: "every replica hears only its neighbours until {until}",
    Kind.CLOCK_RATE: "the clock of replica {target} runs {percent} as fast until {until}",
    Kind.CLOCK_STEP: "the wall clock of replica {target} jumps by {amount}",
    Kind.CLOCK_STROBE: "the wall clock of replica {target} jumps there and back by {amount} until {until}",
    Kind.FAIL_FSYNC: "the next fsync of replica {target} fails",
    Kind.FAIL_READ: "the disk of replica {target} cannot be read at its next start",
    Kind.LOSE_DISK: "replica {target} loses its disk, and comes back {until} without it",
    Kind.FLIP_BIT: "a bit on the disk of replica {target} flips",
    Kind.TRANSFER: "whoever leads is asked to let replica {target} lead",
    Kind.ADD_REPLICA: "an operator begins to add a spare replica",
    Kind.REMOVE_REPLICA: "an operator begins to remove the member at place {target}",
    Kind.CRASH_LEADER: "whoever leads {shard} crashes, and restarts at {until}",
    Kind.HIDE_LEADER: "until {until} whoever leads {shard} is not heard there, but by other shards",
    Kind.LOSE_DECISIONS: "whoever leads {shard} decides, tells other shards, and is lost with it",
    Kind.CUT_SHARDS: "nothing passes from {shard} to other shards until {until}",
    Kind.CLIENT_CRASH: "client {target} goes; another takes its place at {until}",
    Kind.CUT_LEADERS: (
        "until {until} whoever is found to lead, every {amount}, is cut off from the other replicas"
    ),
    Kind.STRAND_LEADER: (
        "whoever leads is asked to let replica {target} lead, or another one, and hears none of "
        "them until {until}"
    ),
    Kind.TURN_BACK: (
        "whoever leads is asked to let replica {target} lead, or another one, and hears nobody; when "
        "that one has chosen something, it is cut off until {until}, and others lose their disks"
    ),
    Kind.SUSPEND_LEADER: (
        "whoever leads stands still until {until}, and what other replicas send it is lost"
    ),
    Kind.USURP_LEADER: (
        "two replicas from {target} on are asked to lead; {amount} after the first does, it is cut off "
        "until {until}, the second is heard, and all others restart"
    ),
}

_RATES: Final = {
    "loss": "{} of the messages are lost",
    "duplicate": "{} arrive twice",
    "late": "{} arrive late, by up to {late_max}",
    "kind_loss": "of {kind} another {} are lost",
    "kind_late": "of {kind} another {} arrive late",
    "sync_stall": "{} of the fsyncs take a hundred times as long",
    "tear": "at a crash {} of the unsynced writes are torn",
    "survive": "at a crash {} of the unsynced writes are there all the same",
}


def time_text(ns: int) -> str:
    """`1.234567 s`, as in the diagrams; short lengths in their own unit."""
    if abs(ns) >= 1_000_000_000:
        return f"{ns / 1e9:.3f} s"
    for size, unit in ((1_000_000, "ms"), (1_000, "µs")):
        if abs(ns) >= size:
            return f"{ns / size:.4g} {unit}"
    return f"{ns} ns"


def share_text(parts: int) -> str:
    """Parts of a million in percent."""
    return f"{parts / 10_000:.3g} %"


def fault_text(fault: Fault) -> str:
    """What happens at its time."""
    return _SENTENCES[fault.kind].format(
        target=fault.target,
        other=fault.other,
        until=time_text(fault.until),
        length=time_text(fault.until - fault.at),
        amount=time_text(fault.amount),
        percent=share_text(fault.amount),
        where=fault.where,
        shard="each shard" if fault.shard == ALL_SHARDS else f"shard {fault.shard}",
    )


def rates_text(rates: Rates) -> str:
    """What happens all the time."""
    found = [
        words.format(
            share_text(getattr(rates, name)), late_max=time_text(rates.late_max), kind=rates.kind
        )
        for name, words in _RATES.items()
        if getattr(rates, name)
    ]
    return "; ".join(found) if found else "no message is lost, none doubled, no disk misbehaves"


def size_text(world: World) -> str:
    """How much there is of everything."""
    counted = (
        (world.shards * world.replicas, "replica"),
        *([(world.shards, "shard")] if world.shards > 1 else []),
        *([(world.spares, "spare replica")] if world.spares else []),
        (world.clients, "client"),
        (world.operations, "operation"),
        (world.keys, "key"),
    )
    return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counted)


def world_text(world: World) -> list[str]:
    """One line for the size, one for what happens all the time, one for each fault."""
    lines = [
        f"{size_text(world)}; faults for {time_text(world.horizon)}",
        (
            f"messages take {time_text(world.rates.delay_min)} and "
            f"{time_text(world.rates.delay_mean)} more on average; {rates_text(world.rates)}"
        ),
    ]
    width = max((len(time_text(fault.at)) for fault in world.faults), default=0)
    lines += [f"at {time_text(fault.at):>{width}}  {fault_text(fault)}" for fault in world.faults]
    return lines if world.faults else [*lines, "no faults at times of their own"]


def failure_text(failure: Failure) -> str:
    """Who noticed what, and when."""
    return f"{failure.kind.value}: {failure.rule}, at {time_text(failure.at)}"


def moment_text(moment: Moment) -> str:
    """When the failure became likely."""
    before, after = moment.before, moment.after
    if moment.is_the_beginning:
        first = moment.shares[0]
        return (
            f"it was likely from the beginning: of {first.futures} other futures of the whole run "
            f"{first.failed} fail"
        )
    return (
        f"it became likely between {time_text(before.at)} and {time_text(after.at)}: of "
        f"{before.futures} other futures from the one {before.failed} fail, "
        f"from the other {after.failed}"
    )
