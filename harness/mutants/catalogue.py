"""The planted bugs by name. A run with one of them must end in "not linearizable"."""

from dataclasses import dataclass
from typing import Final

from harness.mutants.multipaxos import (
    IgnoreAccepted,
    LocalReads,
    ReplyBeforeQuorum,
    SendBeforeSync,
)
from node.core.multipaxos import MultiPaxos


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A core with one rule removed."""

    name: str
    number: str
    """In the catalogue of the design: M for Multi-Paxos."""
    core: type[MultiPaxos]
    removes: str
    """The rule that is no longer kept, in one sentence."""
    seen_as: str
    """What a client notices, if it looks at the right time."""
    protocol: str = "multipaxos"


_ALL: Final = (
    Mutant(
        name="reply-before-quorum",
        number="M20",
        core=ReplyBeforeQuorum,
        removes="A value is chosen once a quorum has durably accepted it.",
        seen_as="a write that was confirmed is gone when the leader is",
    ),
    Mutant(
        name="ignore-accepted",
        number="M6",
        core=IgnoreAccepted,
        removes="A new leader proposes what an acceptor of its quorum reported for a slot.",
        seen_as="a write that was confirmed is gone under the next leader",
    ),
    Mutant(
        name="local-reads",
        number="M11",
        core=LocalReads,
        removes="A read takes a place in the log like every other command.",
        seen_as="a leader that was replaced answers with values that were overwritten",
    ),
    Mutant(
        name="send-before-sync",
        number="M2",
        core=SendBeforeSync,
        removes="Promises and votes leave only when what they rest on is durable.",
        seen_as="a write that was confirmed is gone when power fails at a quorum",
    ),
)

MUTANTS: Final[dict[str, Mutant]] = {mutant.name: mutant for mutant in _ALL}
"""By name, in the order in which they are shown."""
