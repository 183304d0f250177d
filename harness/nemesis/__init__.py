"""What injects faults: each nemesis hurts the cluster in one way, and can heal what it did."""

from collections.abc import Callable
from typing import Final

from harness.nemesis.interface import Nemesis as Nemesis, Target as Target, Toll as Toll
from harness.nemesis.process import KillAll, KillLeader

NEMESES: Final[dict[str, Callable[[Target], Nemesis]]] = {
    "kill-leader": KillLeader,
    "kill-all": KillAll,
}
"""By name, as `gong run --nemesis` takes them."""
