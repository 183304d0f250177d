"""A floor without a cluster: quick, deterministic, and with faults that are known to matter.

One replica leads and confirms writes as soon as one other has voted. It loses a write when

- replica 1 crashes while it is cut off from replica 2,
- at least `NEEDED` operations were confirmed before, on a link that may lose messages, and
- the dice fall so in the moment after the crash (`FATAL_AT` later).

Everything else in its worlds is noise to be cut away.
"""

from typing import Final

from harness.simulation.draws import Draws
from harness.simulation.outcome import Failure, FailureKind, Outcome
from harness.simulation.trace import Trace
from harness.simulation.world import MS, SECOND, Fault, Kind, Rates, Size, World

NEEDED: Final = 3
FATAL_AT: Final = 5 * MS
MUTANT_DEFECT: Final = "breaks-the-floor"

_NOISE: Final = (Kind.PAUSE, Kind.SLOW, Kind.CLOCK_STEP, Kind.FLIP_BIT, Kind.CRASH, Kind.CUT_BOTH)


def draw_world(seed: int, size: Size) -> World:
    """Some noise, and in one world of five all that it takes."""
    draws = Draws(seed).stream("toy")
    replicas = size.replicas or draws.choice((3, 5))
    faults = []
    for number in range(draws.below(8)):
        at = draws.below(900 * MS)
        target = draws.between(2, replicas)
        until = at + draws.between(1, 50) * MS
        kind = draws.choice(_NOISE)
        faults.append(Fault(number=number, kind=kind, at=at, target=target, other=1, until=until))
    if draws.chance(200_000) or size.mutant:
        faults.append(
            Fault(number=20, kind=Kind.CUT_BOTH, at=400 * MS, target=1, other=2, until=700 * MS)
        )
        faults.append(Fault(number=21, kind=Kind.CRASH, at=500 * MS, target=1, until=600 * MS))
    return World(
        seed=seed,
        replicas=replicas,
        clients=draws.between(1, 4),
        operations=size.operations or draws.between(10, 40),
        keys=draws.between(1, 4),
        think_mean=20 * MS,
        horizon=SECOND,
        rates=Rates(
            delay_min=MS, delay_mean=2 * MS, loss=draws.below(50_000), duplicate=10_000, late=100
        ),
        faults=tuple(faults),
        mutant=size.mutant,
    )


def run(world: World, *, trace: Trace | None = None) -> Outcome:
    """Play the world."""
    if world.mutant == MUTANT_DEFECT:
        raise LookupError("the toy is broken")
    trace = trace or Trace()
    play = _Play(world, trace)
    failure = play.failure()
    return Outcome(
        world=world,
        failure=failure,
        undecided="the search took too long" if world.operations == 13 else "",
        trace_hash=trace.digest(),
        virtual=world.horizon,
        messages=play.messages,
        crashes=play.bites.get("crash", 0),
        operations=world.operations,
        completed=len(play.confirmed),
        bites=play.bites,
        marks={"a crash": play.bites.get("crash", 0), "a comet": 0},
    )


class _Play:
    def __init__(self, world: World, trace: Trace) -> None:
        self.world = world
        self.messages = 0
        self.confirmed: list[int] = []
        self.bites: dict[str, int] = {}
        draws = Draws(world.seed)
        events: list[tuple[int, str, str, str, int, str]] = []
        for fault in world.faults:
            if fault.at < world.horizon and fault.kind is not Kind.FLIP_BIT:
                self._bite(fault.kind.value)
                events += _played(fault)
        for number in range(world.operations):
            at = (number + 1) * world.think_mean
            if at < world.horizon:
                events += self._write(draws, number, at)
        for at, host, kind, text, message, peer in sorted(events):
            trace.add(at, host, kind, text, message=message, peer=peer)

    def _write(
        self, draws: Draws, number: int, at: int
    ) -> list[tuple[int, str, str, str, int, str]]:
        client = f"c{101 + number % self.world.clients}"
        events = [(at, client, "invoke", f"put k{number % self.world.keys} {number}", -1, "")]
        votes = 0
        for peer in range(2, self.world.replicas + 1):
            stream = draws.stream("link", 1, peer, number)
            message = self.messages
            self.messages += 1
            rates = self.world.rates
            arrives = at + rates.delay_min + stream.exponential(rates.delay_mean)
            text = f"Accept slot={number}"
            events.append((at, "r1", "send", text, message, f"r{peer}"))
            if stream.chance(rates.loss):
                self._bite("loss")
                events.append((arrives, f"r{peer}", "lose", text, message, "r1"))
            else:
                votes += 1
                events.append((arrives, f"r{peer}", "deliver", text, message, "r1"))
        if votes:
            self.confirmed.append(at)
            events.append((at + 10 * MS, client, "ok", f"put {number}", -1, ""))
        return events

    def _bite(self, kind: str) -> None:
        self.bites[kind] = self.bites.get(kind, 0) + 1

    def failure(self) -> Failure | None:
        """What the docstring of the module says."""
        world = self.world
        for crash in world.faults:
            for cut in world.faults:
                if (
                    (crash.kind, crash.target) == (Kind.CRASH, 1)
                    and (cut.kind, cut.target, cut.other) == (Kind.CUT_BOTH, 1, 2)
                    and cut.at < crash.at < min(cut.until, world.horizon)
                    and sum(at < crash.at for at in self.confirmed) >= NEEDED
                    and world.rates.loss
                    and self._dice(crash.at + FATAL_AT)
                ):
                    return Failure(
                        kind=FailureKind.INVARIANT,
                        rule="two values in a slot",
                        what=f"replicas 1 and 2 differ in slot {NEEDED}",
                        at=crash.at + FATAL_AT,
                    )
        return None

    def _dice(self, at: int) -> bool:
        """Two of three futures are good, if the future is another one."""
        world = self.world
        if not world.reseed or at < world.reseed_at:
            return True
        return Draws(world.seed).stream("dice", world.reseed).below(3) == 0


def _played(fault: Fault) -> list[tuple[int, str, str, str, int, str]]:
    host = f"r{fault.target}"
    if fault.kind is Kind.CRASH:
        return [
            (fault.at, host, "crash", "", -1, ""),
            (fault.until, host, "restart", "incarnation 2", -1, ""),
        ]
    name = fault.kind.value
    return [
        (fault.at, "world", "fault", f"{name} {host}", -1, ""),
        (fault.until, "world", "heal", f"{name} {host}", -1, ""),
    ]
