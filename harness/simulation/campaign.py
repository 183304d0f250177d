"""Many seeds over all processors, to the first failure or to the end.

A campaign hands out small batches of seeds and folds what comes back in the order of the seeds.
It ends at its *lowest* failing seed and not at the first one that is heard of: with it, every
figure is the same in every run, whoever was quicker.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import Final

from msgspec import Struct

from harness.simulation.book import Book
from harness.simulation.floors import find_floor
from harness.simulation.seeds import run_seeds
from harness.simulation.tally import Finished, Tally
from harness.simulation.world import Size
from node import marks

BATCH_MAX: Final = 8
"""Seeds a task. Handing one out costs about a millisecond, running a seed a hundred times as much."""

GROWS_EVERY: Final = 16
"""Seeds after which a batch may be one larger: many bugs are found by the first few seeds, and what
others run meanwhile is for nothing."""


class Plan(Struct, frozen=True, kw_only=True):
    """Which seeds, of what."""

    floor: str = "core"
    size: Size
    first: int = 0
    end: int
    """One more than the last."""
    keep_going: bool = False
    """Run all seeds, whatever fails."""


class Campaign:
    """The state of one plan: what was handed out, what has come back."""

    def __init__(self, plan: Plan, *, book: Book | None = None) -> None:
        self.plan: Final = plan
        self.tally: Final = Tally()
        find_floor(plan.floor)  # with it comes the code that has the marks
        self.tally.marks.update(dict.fromkeys(marks.counts(), 0))
        self._book: Final = book
        self._next = plan.first
        """The first seed that was not handed out."""
        self._folded = plan.first
        """The first seed that is not in the tally."""
        self._end = plan.end
        """Lower than the plan's when a lower seed has failed."""
        self._waiting: dict[int, Finished] = {}
        """Finished seeds with an unfinished one below them."""
        if book is not None:
            self._keep(book.finished.values())

    @property
    def is_done(self) -> bool:
        """Nothing that is still to come would change the tally."""
        return self._folded >= self._end

    @property
    def finished(self) -> int:
        """Seeds, in the tally or not."""
        return self.tally.seeds + len(self._waiting)

    def next_batch(self) -> range | None:
        """Seeds to run now; they count as handed out."""
        while self._next in self._waiting or self._next < self._folded:
            self._next += 1
        if self._next >= self._end:
            return None
        first = self._next
        size = min(BATCH_MAX, 1 + (first - self.plan.first) // GROWS_EVERY)
        last = min(first + size, self._end)
        while self._next < last and self._next not in self._waiting:
            self._next += 1
        return range(first, self._next)

    def take(self, finished: Sequence[Finished]) -> None:
        """What became of a batch."""
        if self._book is not None:
            self._book.add(finished)
        self._keep(finished)

    def _keep(self, finished: Iterable[Finished]) -> None:
        for each in finished:
            if self._folded <= each.seed < self._end:
                self._waiting[each.seed] = each
                if each.failure is not None and not self.plan.keep_going:
                    self._end = each.seed + 1
        while self._folded < self._end and self._folded in self._waiting:
            self.tally.add(self._waiting.pop(self._folded))
            self._folded += 1


def run_campaigns(
    campaigns: Sequence[Campaign],
    executor: Executor,
    *,
    jobs: int,
    on_progress: Callable[[], None] = lambda: None,
) -> None:
    """Run all of them to their ends, several at the same time where there is room.

    Two batches for each of `jobs` are under way, so that no worker waits. `on_progress` is called
    whenever something has come back. When an exception passes, Ctrl-C for one, no batch that has
    not begun is run any more; whoever opened the executor ends the rest.
    """
    under_way: dict[Future[list[Finished]], Campaign] = {}
    limit = 2 * jobs if jobs > 1 else 1
    try:
        while not all(campaign.is_done for campaign in campaigns):
            while len(under_way) < limit:
                work = _choose(campaigns, Counter(map(id, under_way.values())))
                if work is None:
                    break
                campaign, batch = work
                size, floor = campaign.plan.size, campaign.plan.floor
                future = executor.submit(run_seeds, floor, size, batch.start, batch.stop)
                under_way[future] = campaign
            assert under_way, "a campaign is not done and has nothing to do"
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                under_way.pop(future).take(future.result())
            on_progress()
    finally:
        for future in under_way:
            future.cancel()


def _choose(campaigns: Sequence[Campaign], busy: Counter[int]) -> tuple[Campaign, range] | None:
    """A batch of the campaign that has the fewest under way.

    Of the seeds of one campaign that are run at the same time, all above the lowest failing one
    are run for nothing.
    """
    for campaign in sorted(campaigns, key=lambda each: busy[id(each)]):
        batch = campaign.next_batch()
        if batch is not None:
            return campaign, batch
    return None
