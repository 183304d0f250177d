"""A failing world cut down to what it takes to fail.

Draws are counted and not taken in turn (`draws.py`), so what is left happens as before when something
else is taken away. A cut is kept when the smaller world has a failure of the same class.

    faults        halves, quarters, … and single ones taken out (Zeller and Hildebrandt, "Simplifying
                  and isolating failure-inducing input", IEEE TSE 28, 2002), then made shorter
    rates         switched off, one after the other
    horizon       less time
    operations    fewer; then fewer clients, keys, replicas

Again from the beginning, until nothing more can go.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Final

from msgspec import Struct, structs

from harness.simulation.links import FIRST_CLIENT
from harness.simulation.outcome import Failure, Outcome
from harness.simulation.trials import Trials
from harness.simulation.world import CHANGES, MS, OF_SHARDS, Fault, Kind, World

RUNS_MAX: Final = 2000
TIME_LIMIT_S: Final = 60.0

HORIZON_STEP: Final = 10 * MS
"""Below this, a shorter run is no easier to read."""

RATES: Final = (
    "loss",
    "duplicate",
    "late",
    "kind_loss",
    "kind_late",
    "sync_stall",
    "tear",
    "survive",
    "delay_mean",
)
"""Those that may be zero. The mean of an fsync stays: a disk that takes no time is another disk."""


class Shrunk(Struct, frozen=True, kw_only=True):
    """The end of a search."""

    world: World
    outcome: Outcome
    runs: int
    is_complete: bool
    """Nothing more can go, one thing at a time. False when runs or time ended the search."""


def shrink(
    outcome: Outcome,
    floor: str,
    executor: Executor,
    *,
    jobs: int = 1,
    runs_max: int = RUNS_MAX,
    time_limit_s: float = TIME_LIMIT_S,
) -> Shrunk:
    """The smallest world found that fails as the one of `outcome` does.

    The result depends on the world only, unless time runs out: candidates are tried in a fixed
    order, and the first that fails is taken, whichever worker was quicker.
    """
    assert outcome.failure is not None
    trials = Trials(floor, executor, jobs=jobs, runs_max=runs_max, time_limit_s=time_limit_s)
    search = _Search(trials, outcome, outcome.failure)
    before = None
    while before != search.world and not trials.is_over:
        before = search.world
        search.cut_horizon()
        search.cut_number("operations")
        search.cut_faults()
        search.shorten_faults()
        search.cut_rates()
        for name in ("clients", "keys", "replicas", "window"):
            search.cut_number(name)
        search.cut_padding()
    return Shrunk(
        world=search.world,
        outcome=search.outcome,
        runs=trials.runs,
        is_complete=before == search.world and not trials.is_over,
    )


class _Search:
    """The smallest failing world so far."""

    def __init__(self, trials: Trials, outcome: Outcome, failure: Failure) -> None:
        self.outcome = outcome
        self._trials = trials
        self._failure = failure
        self._tried: set[bytes] = set()
        """Worlds that do not fail so."""

    @property
    def world(self) -> World:
        """As small as it is by now."""
        return self.outcome.world

    def _take_first(self, worlds: Sequence[World]) -> int | None:
        """Go on with the first of them that fails so; its place among them."""
        fresh = [(i, world) for i, world in enumerate(worlds) if world.to_json() not in self._tried]
        found = self._trials.first_failing([world for _, world in fresh], self._failure)
        failed = len(fresh) if found is None else found[0]
        if found is None and self._trials.is_over:
            return None
        self._tried.update(world.to_json() for _, world in fresh[:failed])
        if found is None:
            return None
        self.outcome = found[1]
        return fresh[failed][0]

    def cut_faults(self) -> None:
        """Delta debugging: what is left fails, and no single fault can go."""
        if self._take_first([structs.replace(self.world, faults=())]) is not None:
            return
        parts = 2
        while len(faults := self.world.faults) > 1 and not self._trials.is_over:
            parts = min(parts, len(faults))
            pieces = [
                faults[i * len(faults) // parts : (i + 1) * len(faults) // parts]
                for i in range(parts)
            ]
            only = [structs.replace(self.world, faults=piece) for piece in pieces]
            others = [
                structs.replace(self.world, faults=tuple(f for f in faults if f not in piece))
                for piece in pieces
            ]
            place = self._take_first([*only, *others] if parts > 2 else only)
            if place is None:
                if parts == len(faults):
                    return
                parts *= 2
            else:
                parts = 2 if place < len(only) else max(parts - 1, 2)

    def shorten_faults(self) -> None:
        """Let what lasts last half as long, again and again."""
        for number in [fault.number for fault in self.world.faults]:
            while (half := _with_half(self.world, number)) is not None:
                if self._take_first([half]) is None:
                    break

    def cut_rates(self) -> None:
        """Switch off what does not matter."""
        for name in RATES:
            if getattr(self.world.rates, name):
                rates = structs.replace(self.world.rates, **{name: 0})
                self._take_first([structs.replace(self.world, rates=rates)])

    def cut_horizon(self) -> None:
        """End the faults earlier; those that would begin later go with the rest."""
        self._take_least(
            self.world.horizon // HORIZON_STEP,
            lambda number: _until(self.world, number * HORIZON_STEP),
        )

    def cut_number(self, name: str) -> None:
        """Fewer operations, clients, keys, or replicas."""
        self._take_least(
            getattr(self.world, name), lambda number: _with_fewer(self.world, name, number)
        )

    def _take_least(self, end: int, smaller: Callable[[int], World]) -> None:
        """The least number that fails, or nearly: failing need not be monotone in the number."""
        fails_not = 0
        for number in _rising(end):
            if self._take_first([smaller(number)]) is not None:
                break
            fails_not = number
        else:
            return
        while number - fails_not > 1 and not self._trials.is_over:
            middle = (fails_not + number) // 2
            if self._take_first([smaller(middle)]) is not None:
                number = middle
            else:
                fails_not = middle

    def cut_padding(self) -> None:
        """Small values."""
        if self.world.padding:
            self._take_first([structs.replace(self.world, padding=0)])


def _rising(end: int) -> Iterator[int]:
    """Numbers below `end`, few of them: 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, … and all of the last."""
    number = 1
    while number < end:
        yield number
        number = max(number + 1, number * 5 // 4)
    if end > 1:
        yield end - 1


def _with_half(world: World, number: int) -> World | None:
    """Where the fault `number` lasts half as long; None when that is a millisecond."""

    def halved(fault: Fault) -> Fault:
        return structs.replace(fault, until=fault.at + (fault.until - fault.at) // 2)

    (fault,) = (each for each in world.faults if each.number == number)
    if fault.until - fault.at < 2 * MS:
        return None
    faults = tuple(halved(each) if each.number == number else each for each in world.faults)
    return structs.replace(world, faults=faults)


def _until(world: World, horizon: int) -> World:
    faults = tuple(fault for fault in world.faults if fault.at < horizon)
    return structs.replace(world, horizon=horizon, faults=faults)


def _with_fewer(world: World, name: str, number: int) -> World:
    """With faults of those only who are left."""
    fewer = structs.replace(world, **{name: number})
    left = tuple(fault for fault in world.faults if _concerns(fault, fewer))
    return structs.replace(fewer, faults=left)


def _concerns(fault: Fault, world: World) -> bool:
    if fault.kind is Kind.CLIENT_CRASH:
        return fault.target - FIRST_CLIENT < world.clients
    if fault.kind in CHANGES:
        return True
    if fault.kind in OF_SHARDS:
        return fault.shard < world.shards
    return max(fault.target, fault.other) <= world.shards * world.replicas
