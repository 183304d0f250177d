"""Engines that decide in polynomial time, each for one kind of object, and when they may.

An engine looks at one part of a history (one object) and either decides it or declines, with the
reason; what all decline goes to the general search (`checker.general`).
"""

from typing import Final

from checker.engines.interface import Engine
from checker.model import Model

ENGINES: Final[dict[str, tuple[Engine, ...]]] = {}
"""By name of the model, in the order in which they are asked."""


def engines_for(model: Model) -> tuple[Engine, ...]:
    """The engines that understand `model`; a user's own model has none."""
    return ENGINES.get(model.name, ()) if type(model).__module__.startswith("checker.") else ()
