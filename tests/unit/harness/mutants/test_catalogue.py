"""The catalogue of planted bugs is whole: what the design lists is here, or cannot be, for a reason."""

from harness.mutants import HARMLESS, MUTANTS
from harness.mutants.storage import truthful
from harness.simulation.core_floor.client import Client
from harness.simulation.core_floor.sessions import SessionClient
from node.core.multipaxos import MultiPaxos
from node.runtime.journal import open_journal
from node.state_machine.sessions import SessionedStateMachine

_LISTED = [
    *(f"M{number}" for number in range(1, 27)),
    *(f"S{number}" for number in range(1, 9)),
    "M27",  # not in the design: what a replica must not say that lost its disk
    "M28",  # the other half of M22
    "M29",  # the other half of M23
    "S9",  # these two are not in the design: what a replica must do that lost its disk
    "S10",
    "S11",  # the other half of S3, which is a new file there, and a renamed one here
    *(f"C{number}" for number in range(1, 10)),
    *(f"D{number}" for number in range(1, 11)),
    *("F1", "F2", "F3", "F4", "F5", "F6", "F8", "F10"),
    "F14",  # not in the design: what makes up for contiguous acceptance here
    "F16",  # what is read outside of sessions
    "F15",  # the other half of F6, where operations follow each other in one shard
]


def test_every_number_of_the_design_is_planted_once_or_harmless() -> None:
    planted = [bug.number for bug in MUTANTS.values()]
    assert len(planted) == len(set(planted))
    assert {*planted, *(name.split()[0] for name in HARMLESS)} == set(_LISTED)


def test_every_planted_bug_replaces_something_and_says_what_is_removed() -> None:
    real = (MultiPaxos, open_journal, SessionedStateMachine, None, truthful, True)
    for name, bug in MUTANTS.items():
        assert bug.name == name
        replaced = (bug.core, bug.journal, bug.machine, bug.client, bug.disk, bug.admits_loss)
        assert replaced != real
        client = SessionClient if bug.protocol == "mdl" else Client
        assert bug.client is None or issubclass(bug.client, client)
        assert bug.removes.endswith(".")
        assert bug.seen_as
