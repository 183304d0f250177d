"""What a planted bug is: the parts of a cluster that it replaces."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from harness.mutants import storage
from node.core.multipaxos import MultiPaxos
from node.runtime.disk import Disk
from node.runtime.journal import open_journal
from node.state_machine.interface import StateMachine
from node.state_machine.sessions import SessionedStateMachine


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
    """A class in `harness.mutants.clients`, with mdl in `mdl_clients`. By name, since those modules
    need the simulator, which needs this one."""
    protocol: str = "multipaxos"

    @property
    def client(self) -> Any:  # noqa: ANN401 - a class that the floor of its protocol understands
        """The class that replaces the simulator's client, if this mutant has one."""
        if not self.client_name:
            return None
        module = "mdl_clients" if self.protocol == "mdl" else "clients"
        return getattr(import_module(f"harness.mutants.{module}"), self.client_name)
