"""One Multi-Paxos core of three, brought to where a test begins."""

from random import Random

from node.core.interface import Ready, Received, Role, Tick
from node.core.multipaxos import Message, MultiPaxos, Record, Settings
from node.core.multipaxos.messages import (
    Promise,
    Willing,
)
from node.types import ClientId, Command, ReplicaId, RequestNumber

ONE, TWO, THREE = (ReplicaId(n) for n in (1, 2, 3))
SETTINGS = Settings(election_timeout_ticks=10)


def command(number: int) -> Command:
    answered = RequestNumber(0)
    return Command(client=ClientId(1), number=RequestNumber(number), answered=answered, body=b"")


def core(*records: Record, seed: int = 0, settings: Settings = SETTINGS) -> MultiPaxos:
    return MultiPaxos(
        replica=ONE,
        members=(THREE, ONE, TWO),
        settings=settings,
        random=Random(seed),
        records=records,
    )


def take(it: MultiPaxos) -> Ready[Message, Record]:
    ready = it.take_ready()
    assert ready is not None
    return ready


def candidate(*records: Record, settings: Settings = SETTINGS) -> MultiPaxos:
    """Replica 1, after it has asked around and 2 was willing."""
    it = core(*records, settings=settings)
    while it.canvass is None:
        it.step(Tick())
    it.step(Received(TWO, Willing(it.canvass.ballot, it.canvass.asked_at)))
    assert it.role is Role.CANDIDATE
    return it


def leader(settings: Settings = SETTINGS) -> MultiPaxos:
    """Replica 1, elected with the promise of 2 under ballot 1.1."""
    it = candidate(settings=settings)
    ballot = it.status().ballot
    for acceptor in (ONE, TWO):
        it.step(
            Received(
                acceptor, Promise(ballot, 1, 0, (), is_last=True, chosen_upto=0, truncated_upto=0)
            )
        )
    take(it)
    assert it.role is Role.LEADER
    return it
