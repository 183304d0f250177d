"""The floors by name: what draws a world from a seed, and what runs it."""

import importlib
from dataclasses import dataclass
from typing import Any, Final, Protocol

from harness.simulation.outcome import Outcome
from harness.simulation.swarm import draw_world
from harness.simulation.trace import Trace
from harness.simulation.world import Size, World

FLOORS: Final = {
    "core": "harness.simulation.core_floor",
    "runtime": "harness.simulation.runtime_floor",
}
"""The package of each floor. It is imported when it is asked for, since the two need different
halves of the project and a worker needs one of them."""


class UnknownFloor(Exception):
    """There is no such floor: one sentence that says which there are."""


class Draw(Protocol):
    """What a seed decides beforehand."""

    def __call__(self, seed: int, size: Size) -> World:
        """Draw the world of `seed`."""


class Run(Protocol):
    """One world, from its beginning to its outcome; the same world always has the same one."""

    def __call__(self, world: World, *, trace: Trace | None = None) -> Outcome:
        """Run `world`; `trace` takes every event."""


@dataclass(frozen=True, slots=True)
class Floor:
    """One way to run a world."""

    name: str
    draw_world: Draw
    run: Run


def find_floor(name: str) -> Floor:
    """The floor of that name; a dotted name is a module with a floor of one's own.

    A floor draws worlds from the swarm unless it has a `draw_world` of its own. A floor goes by its name, and not as a pair of functions, wherever a process is told of it.
    """
    module_name = FLOORS.get(name, name if "." in name else "")
    if not module_name:
        raise UnknownFloor(f"floor {name!r} is not one of {', '.join(FLOORS)}")
    try:
        module: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as why:
        # What is missing must be the floor itself; a floor that lacks something else is a defect.
        if why.name is None or not f"{module_name}.".startswith(f"{why.name}."):
            raise
        raise UnknownFloor(f"floor {name!r} is not part of this version of gong") from why
    return Floor(name, getattr(module, "draw_world", draw_world), module.run)
