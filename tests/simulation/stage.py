"""Where a schedule made by hand is played: a cluster with some bug or none, and three clients."""

from checker import VerdictKind
from harness.mutants import Mutant
from node.core.interface import Add, Remove
from node.core.multipaxos import Settings
from node.errors import StorageError
from node.types import ReplicaId, ReplicaInfo
from tests.support.cluster import QUICK, Cluster, Packet
from tests.support.recording import Client, Journalist


class Stage:
    """Some replicas, of which 1 leads, and clients with a session that everyone knows."""

    def __init__(
        self,
        bug: Mutant,
        *,
        replicas: int = 3,
        spares: int = 0,
        syncs_at_once: bool = True,
        settings: Settings = QUICK,
    ) -> None:
        self.cluster = Cluster(
            replicas=replicas,
            spares=spares,
            settings=settings,
            core=bug.core,
            journal=bug.journal,
            machine=bug.machine,
            syncs_at_once=syncs_at_once,
        )
        for replica in self.cluster.members:  # whoever started has forgotten what it granted
            self.cluster.tick(replica, settings.lease_ticks)
        self.lose_all()
        self.journalist = Journalist()
        self.cluster.elect(1)
        self.writer, self.reader, self.other = (
            Client(self.cluster, self.journalist, nonce=nonce) for nonce in (1, 2, 3)
        )
        for client in (self.writer, self.reader, self.other):
            client.open_session(1)
            self.cluster.settle()
        self.cluster.tick(1, self.cluster.settings.heartbeat_ticks)
        self.cluster.settle()

    def find(self, kind: type, *, to: int, sender: int | None = None) -> list[Packet]:
        """The messages of one kind that are under way to a replica, oldest first."""
        return [
            packet
            for packet in self.cluster.messages
            if isinstance(packet.message, kind)
            and packet.to == to
            and sender in (None, packet.sender)
        ]

    def deliver(self, kind: type, *, to: int, sender: int | None = None) -> None:
        """Hand over those messages, and no others."""
        for packet in self.find(kind, to=to, sender=sender):
            self.cluster.deliver(packet)

    def delay(self, kind: type, *, to: int, sender: int | None = None) -> list[Packet]:
        """Take those messages out of the bag; `arrive` puts them back and hands them over."""
        late = self.find(kind, to=to, sender=sender)
        for packet in late:
            self.cluster.drop(packet)
        return late

    def arrive(self, late: list[Packet]) -> None:
        """What was delayed is there."""
        for packet in late:
            self.cluster.messages.append(packet)
            self.cluster.deliver(packet)

    def add(self, replica: int, *, at: int) -> None:
        """Ask the leader `at` to make a spare replica a member."""
        info = ReplicaInfo(ReplicaId(replica), "", "")
        self.cluster.reconfigure(at, Add(info))

    def remove(self, replica: int, *, at: int) -> None:
        """Ask the leader `at` to remove a member."""
        self.cluster.reconfigure(at, Remove(ReplicaId(replica)))

    def let_pass(self, *replicas: int) -> None:
        """Let some replicas be quick among themselves until they know all that the others do."""
        for _ in range(3 * self.cluster.settings.heartbeat_ticks):
            for replica in replicas:
                self.cluster.tick(replica)
            self.cluster.settle(among=replicas)

    def lose_all(self) -> None:
        """Nothing that is under way arrives."""
        self.cluster.messages.clear()

    def fail_power(self, *replicas: int) -> None:
        """Some replicas lose what their disks do not hold, and start again."""
        for replica in replicas:
            if self.cluster.hosts[ReplicaId(replica)].is_up:
                self.cluster.crash(replica)
            self.cluster.restart(replica)

    def sync(self, replica: int) -> None:
        """Sync one disk; a replica whose disk fails stops."""
        try:
            self.cluster.sync(replica)
        except StorageError:
            self.cluster.crash(replica)

    def starts(self, replica: int) -> bool:
        """Start a replica; False when it refuses to."""
        try:
            self.cluster.restart(replica)
        except StorageError:
            return False
        return True

    def verdict(self) -> VerdictKind:
        """What the checker says of what the clients saw."""
        return self.journalist.verdict().kind
