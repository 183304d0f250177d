"""What a worker is asked to do: some seeds of a floor, or some worlds."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

from harness.simulation.floors import find_floor
from harness.simulation.outcome import Outcome
from harness.simulation.tally import Finished
from harness.simulation.world import Size, World


def run_seeds(floor: str, size: Size, first: int, end: int) -> list[Finished]:
    """Run the seeds first … end - 1, one after the other."""
    found = find_floor(floor)
    finished = []
    for seed in range(first, end):
        begun = time.perf_counter()
        with _in_order(f"seed {seed} of floor {floor}"):
            outcome = found.run(found.draw_world(seed, size))
        finished.append(Finished.of(seed, outcome, round(time.perf_counter() - begun, 6)))
    return finished


def run_world(floor: str, world: World) -> Outcome:
    """Run one world."""
    found = find_floor(floor)
    with _in_order(f"seed {world.seed} of floor {floor}, cut down"):
        return found.run(world)


@contextmanager
def _in_order(what: str) -> Iterator[None]:
    """Let nothing of a run depend on those before it, and let what breaks say where."""
    was_enabled = gc.isenabled()
    # Finalisers would run at moments that depend on how much was allocated before this run.
    gc.disable()
    try:
        yield
    except Exception as error:
        error.add_note(f"in {what}")
        raise
    finally:
        if was_enabled:
            gc.enable()
