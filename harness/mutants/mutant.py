"""What a planted bug is: the parts of a cluster that it replaces."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from harness.mutants import storage
from node.core.multipaxos import MultiPaxos
from node.runtime.disk import Disk
from node.runtime.journal import open_journal
from node.state_machine.interface import StateMachine
from node.state_machine.sessions import SessionedStateMachine

if TYPE_CHECKING:
    from harness.simulation.core_floor.client import Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A cluster with one rule removed; what is not replaced is the real thing."""

    name: str
    number: str
    """In the catalogue of the design."""
    removes: str
    """The rule that is no longer kept, in one sentence."""
    seen_as: str
    """What a client notices, if it looks at the right time."""
    core: type[MultiPaxos] = MultiPaxos
    journal: storage.OpenJournal = open_journal
    machine: Callable[[StateMachine], SessionedStateMachine] = SessionedStateMachine
    disk: Callable[[Disk], Disk] = storage.truthful
    """What a replica sees of its disk."""
    admits_loss: bool = True
    """Whether a replica that lost its disk is told so."""
    client_name: str = ""
    """A class in `harness.mutants.clients`. By name, since that module needs the simulator, which
    needs this one."""
    protocol: str = "multipaxos"

    @property
    def client(self) -> "type[Client] | None":
        """The class that replaces the simulator's client, if this mutant has one."""
        if not self.client_name:
            return None
        found: type[Client] = getattr(import_module("harness.mutants.clients"), self.client_name)
        return found
