"""What must hold at every step of every schedule, whatever the network and the disks do.

An observer that believes no replica: it counts the votes that leave and knows from them what is
chosen, and it remembers what each replica has said, so it can tell when one forgets.
"""

from node.core.ballot import NO_BALLOT, Ballot
from node.core.interface import Envelope, Ready
from node.core.log import Value
from node.core.multipaxos import Message, Record
from node.core.multipaxos.messages import Accept, Accepted, AcceptRecord, Promise
from node.types import Command, ReplicaId
from tests.support.cluster import Host, Observer


class Invariants(Observer):
    """Raises AssertionError at the step that breaks a rule."""

    def __init__(self, replicas: int) -> None:
        self._quorum = replicas // 2 + 1
        self._proposed: dict[tuple[Ballot, int], Value] = {}
        self._votes: dict[tuple[Ballot, int], dict[ReplicaId, None]] = {}
        self.chosen: dict[int, tuple[Command, ...]] = {}
        """By slot, what a quorum has voted for in one ballot."""
        self._promised: dict[ReplicaId, Ballot] = {}
        """The highest ballot that a replica told anybody it had promised."""
        self._seen: dict[tuple[ReplicaId, int], tuple[Ballot, int]] = {}

    def on_ready(self, host: Host, ready: Ready[Message, Record]) -> None:
        for record in ready.records:
            if isinstance(record, AcceptRecord):
                entry = record.entry
                self._propose(entry.ballot, entry.slot, entry.value)
        for chosen in ready.chosen:
            voted = self.chosen.get(chosen.slot)
            assert voted is not None, f"{host.replica} executes {chosen} without a quorum"
            assert voted == chosen.commands, f"{host.replica}: {chosen}, but chosen is {voted}"

    def on_sent(self, host: Host, envelope: Envelope[Message], *, after_persist: bool) -> None:
        message = envelope.message
        if isinstance(message, Accept):
            self._propose(message.ballot, message.slot, message.value)
        if isinstance(message, Promise | Accepted):
            assert host.journal is not None
            assert host.journal.is_durable, f"{host.replica} speaks before its disk: {message}"
            told = self._promised.get(host.replica, NO_BALLOT)
            self._promised[host.replica] = max(told, message.ballot)
        if isinstance(message, Accepted):
            self._vote(host.replica, message)

    def on_stepped(self, host: Host) -> None:
        assert host.core is not None
        status = host.core.status()
        assert host.machine.executed_upto == status.chosen_upto, status
        ballot, chosen_upto = self._seen.get((host.replica, host.incarnation), (NO_BALLOT, 0))
        assert status.ballot >= ballot, f"{host.replica} promised {ballot}, now {status.ballot}"
        assert status.chosen_upto >= chosen_upto, f"{host.replica} knew {chosen_upto}: {status}"
        self._seen[host.replica, host.incarnation] = status.ballot, status.chosen_upto

    def on_restart(self, host: Host) -> None:
        assert host.core is not None
        told = self._promised.get(host.replica, NO_BALLOT)
        promised = host.core.acceptor.promised
        assert promised >= told, f"{host.replica} promised {told}, and forgot: {promised}"
        for (ballot, slot), voters in self._votes.items():
            if host.replica in voters:
                entry = host.core.log.get(slot)
                assert entry is not None, f"{host.replica} forgot its vote for {ballot}, {slot}"
                assert entry.ballot >= ballot, f"{host.replica} forgot its vote for {ballot}"

    def _propose(self, ballot: Ballot, slot: int, value: Value) -> None:
        known = self._proposed.setdefault((ballot, slot), value)
        assert known == value, f"two values in ballot {ballot}, slot {slot}: {known}, {value}"

    def _vote(self, voter: ReplicaId, vote: Accepted) -> None:
        votes = self._votes.setdefault((vote.ballot, vote.slot), {})
        votes[voter] = None
        if len(votes) >= self._quorum:
            commands = self._proposed[vote.ballot, vote.slot].commands
            known = self.chosen.setdefault(vote.slot, commands)
            assert known == commands, f"slot {vote.slot}: {known} is chosen, and {commands} too"
