"""Engines that decide in polynomial time, each for one kind of object, and when they may.

An engine looks at one part of a history (one object) and either decides it or declines, with the
reason; what all decline goes to the general search (`checker.general`).
"""

from typing import Final

from checker.engines.appends import AppendedList, AppendedText
from checker.engines.counter import EqualSteps
from checker.engines.fifo_queue import DistinctQueue
from checker.engines.interface import Engine
from checker.engines.mutex import OwnedMutex, UnownedMutex
from checker.engines.priority_queue import DistinctPriorityQueue
from checker.engines.register import RegisterZones
from checker.engines.sets import SetElements
from checker.engines.stack import DistinctStack
from checker.model import Model

ENGINES: Final[dict[str, tuple[Engine, ...]]] = {
    "register": (RegisterZones(),),
    "cas-register": (RegisterZones(),),
    "kv": (RegisterZones(), AppendedText()),
    "fifo-queue": (DistinctQueue(),),
    "stack": (DistinctStack(),),
    "priority-queue": (DistinctPriorityQueue(),),
    "set": (SetElements(),),
    "mutex": (UnownedMutex(), OwnedMutex()),
    "counter": (EqualSteps(),),
    "append-list": (AppendedList(),),
}
"""By name of the model, in the order in which they are asked."""


def engines_for(model: Model) -> tuple[Engine, ...]:
    """The engines that understand `model`; a user's own model has none."""
    return ENGINES.get(model.name, ()) if type(model).__module__.startswith("checker.") else ()
