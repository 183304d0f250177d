"""Trying worlds out, in an order that no worker can change: for shrinking, and for other futures."""

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from itertools import islice
from typing import Final

from harness.simulation.outcome import Failure, Outcome
from harness.simulation.seeds import run_world
from harness.simulation.world import World


class Trials:
    """Runs worlds of one floor, within a number of runs and a time.

    The number of runs is what ends a search where it always ends; the time is for people who wait,
    and a search that it ended may end elsewhere the next time.
    """

    def __init__(
        self, floor: str, executor: Executor, *, jobs: int, runs_max: int, time_limit_s: float
    ) -> None:
        self.runs = 0
        """That counted: what a worker ran ahead for nothing does not."""
        self._floor: Final = floor
        self._executor: Final = executor
        self._jobs: Final = jobs
        self._runs_max: Final = runs_max
        self._deadline: Final = time.monotonic() + time_limit_s

    @property
    def is_over(self) -> bool:
        """No more runs, or no more time."""
        return self.runs >= self._runs_max or time.monotonic() >= self._deadline

    def outcomes(self, worlds: Iterable[World]) -> Iterator[Outcome]:
        """Their outcomes in their order, as long as it is not over; some are run ahead."""
        waiting = iter(worlds)
        ahead = [self._submit(world) for world in islice(waiting, self._jobs)]
        try:
            while ahead and not self.is_over:
                self.runs += 1
                yield ahead.pop(0).result()
                ahead += [self._submit(world) for world in islice(waiting, 1)]
        finally:
            for future in ahead:
                future.cancel()

    def first_failing(
        self, worlds: Sequence[World], failure: Failure
    ) -> tuple[int, Outcome] | None:
        """The first world with a failure of the same class: its place, and what became of it."""
        for place, outcome in enumerate(self.outcomes(worlds)):
            if is_same_class(outcome.failure, failure):
                return place, outcome
        return None

    def _submit(self, world: World) -> Future[Outcome]:
        return self._executor.submit(run_world, self._floor, world)


def is_same_class(found: Failure | None, failure: Failure) -> bool:
    """Seen by the same kind of judge, by the same rule. Words and times may differ."""
    return found is not None and (found.kind, found.rule) == (failure.kind, failure.rule)
