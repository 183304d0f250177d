"""Messages between replicas that wait until somebody lets them go."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from node.types import ReplicaId

Stops = Callable[[ReplicaId, ReplicaId, object], bool]
"""Of sender, receiver and message."""


class Kept(NamedTuple):
    """One message, as it was sent."""

    sender: ReplicaId
    incarnation: int
    """Of its sender."""
    to: ReplicaId
    data: bytes
    number: int


@dataclass(slots=True, eq=False)
class Hold:
    """What is held back for one reason."""

    stops: Stops
    """Whether it holds a message."""
    kept: list[Kept] = field(default_factory=list)
