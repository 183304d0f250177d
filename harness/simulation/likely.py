"""The moment at which a failure became likely.

From some time on, every draw is another one: the same past, another future. Of some such futures a share
fails all the same. Early in the run that share is what it is for any run; at the failure it is all
of them. Where it jumps, the run went wrong, often long before anybody noticed.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from itertools import pairwise
from typing import Final

from msgspec import Struct, structs

from harness.simulation.outcome import Failure
from harness.simulation.trials import Trials, is_same_class
from harness.simulation.world import MS, World

FUTURES: Final = 12
"""For each time. With 12, a share of none is told from one of all by more than chance, and one of a
third from one of two thirds mostly."""

GRID: Final = 8
"""Times to begin with; then bisection between the two where the share jumps."""

RESOLUTION: Final = MS
RUNS_MAX: Final = 400
TIME_LIMIT_S: Final = 60.0


class Share(Struct, frozen=True):
    """Of the futures that begin at `at`, how many fail."""

    at: int
    failed: int
    futures: int

    @property
    def chance(self) -> float:
        """From 0 to 1."""
        return self.failed / self.futures


class Moment(Struct, frozen=True, kw_only=True):
    """Between these two times the failure became likely."""

    before: Share
    after: Share
    shares: list[Share]
    """All that were measured, by time."""
    runs: int

    @property
    def is_the_beginning(self) -> bool:
        """The failure was likely all the time: what matters was decided before the run."""
        return self.shares[0].chance > 0.5


def find_moment(
    world: World,
    failure: Failure,
    floor: str,
    executor: Executor,
    *,
    jobs: int = 1,
    futures: int = FUTURES,
    runs_max: int = RUNS_MAX,
    time_limit_s: float = TIME_LIMIT_S,
) -> Moment | None:
    """The two neighbouring times with the greatest jump; None when there was no time to measure."""
    trials = Trials(floor, executor, jobs=jobs, runs_max=runs_max, time_limit_s=time_limit_s)

    def measure(at: int) -> Share | None:
        others = _futures(world, at, futures)
        found = [is_same_class(each.failure, failure) for each in trials.outcomes(others)]
        return Share(at, sum(found), futures) if len(found) == futures else None

    grid = [measure(failure.at * i // GRID) for i in range(GRID)]
    shares = [share for share in grid if share is not None]
    shares.append(Share(failure.at, futures, futures))  # the past is all there is
    if len(shares) < 2:
        return None
    before, after = _greatest_jump(shares)
    while after.at - before.at > RESOLUTION and after.chance > before.chance:
        middle = measure((before.at + after.at) // 2)
        if middle is None:
            break
        shares.append(middle)
        before, after = _greatest_jump([before, middle, after])
    shares.sort(key=lambda share: share.at)
    return Moment(before=before, after=after, shares=shares, runs=trials.runs)


def _futures(world: World, at: int, count: int) -> Iterator[World]:
    for salt in range(1, count + 1):
        yield structs.replace(world, reseed_at=at, reseed=salt)


def _greatest_jump(shares: list[Share]) -> tuple[Share, Share]:
    """Of several equal ones the last: from there on nothing saved the run."""
    return max(reversed(list(pairwise(shares))), key=lambda pair: pair[1].chance - pair[0].chance)
