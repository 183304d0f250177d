"""What an engine is asked, and its three answers."""

from typing import Protocol

from msgspec import Struct

from checker.model import Model
from checker.verdict import Counterexample
from history import Operation


class Accepted(Struct, frozen=True):
    """The part is linearizable."""

    order: list[int]
    """A linearization, as indices of operations. It is replayed before it is believed."""


class Refuted(Struct, frozen=True):
    """The part is not linearizable."""

    counterexample: Counterexample
    rule: str
    """Name of the structure that was found ("overlapping zones"), or "search"."""


class Declined(Struct, frozen=True):
    """This engine cannot tell."""

    reason: str
    """Which of its conditions does not hold ("a value is written twice")."""


class Engine(Protocol):
    """Decides parts of one kind. Stateless."""

    name: str

    def judge(self, part: list[Operation], model: Model) -> Accepted | Refuted | Declined:
        """Decide `part`: the operations of one object, in file order, failed ones left out.

        Cost: stated by each engine; all are polynomial, most O(n log n).
        """
